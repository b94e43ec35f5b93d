-- Shows a wrapper that reports and records failing State operations.
-- ✅ Robust error handling
local function safe_state_operation(operation_name, operation_func)
    local success, result = pcall(operation_func)
    
    if not success then
        print("State operation '" .. operation_name .. "' failed: " .. tostring(result))
        
        -- Log error for debugging
        if State.save then
            local error_log = State.load("system", "error_log") or {}
            table.insert(error_log, {
                operation = operation_name,
                error = tostring(result),
                timestamp = os.time()
            })
            State.save("system", "error_log", error_log)
        end
        
        return nil, result
    end
    
    return result
end

-- Usage
local preferences, error = safe_state_operation("load_preferences", function()
    return State.load("user", "preferences")
end)

if not preferences then
    print("Using default preferences due to error: " .. tostring(error))
    preferences = get_default_preferences()
end
