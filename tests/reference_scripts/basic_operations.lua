-- Shows saving and loading a nested table ("Basic State Operations" of the described API).
-- examples/state_persistence/basic_operations.lua
-- Run with: ./llmspell -c examples/configs/state-enabled.toml run examples/state_persistence/basic_operations.lua

-- Save application configuration
State.save("global", "app_config", {
    theme = "dark",
    version = "1.0.0",
    features = {
        auto_save = true,
        notifications = false
    }
})

-- Load configuration
local config = State.load("global", "app_config")
print("Loaded config:")
print("  Theme: " .. config.theme)
print("  Version: " .. config.version)
print("  Auto-save: " .. tostring(config.features.auto_save))
