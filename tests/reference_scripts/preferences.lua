-- Shows a pair of helper functions around save and load, with defaults.
-- ✅ Clear, consistent API design
local function save_user_preferences(user_id, preferences)
    local scope = "user:" .. user_id
    local success, error = pcall(function()
        State.save(scope, "preferences", preferences)
    end)
    
    if not success then
        print("Error saving preferences: " .. tostring(error))
        return false
    end
    
    return true
end

local function load_user_preferences(user_id)
    local scope = "user:" .. user_id
    local preferences = State.load(scope, "preferences")
    
    -- Always provide defaults
    if not preferences then
        preferences = {
            theme = "light",
            language = "en",
            notifications = true
        }
        
        -- Save defaults for next time
        save_user_preferences(user_id, preferences)
    end
    
    return preferences
end
