-- Files and environment variables: nothing is permitted until whoever runs the script says so.
--
--   llmspell run --allow-read=notes --allow-write=notes --allow-env=USER examples/lua/files.lua
--
-- Without these flags it tells what is missing.

-- Tries something; what is not permitted is told with the flag that would permit it.
local function attempt(fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return true, result end
  if result.code ~= "permission_denied" then error(result, 0) end
  print(result.message)
  print("  " .. result.hint)
  return false
end

local permitted, user = attempt(Env.get, "USER", "")
if permitted then print("the user has a name: " .. tostring(user ~= "")) end

-- A file is replaced as a whole: readers see the old content or the new.
if not attempt(Fs.write, "notes/today.txt", "Water the plants.\n", { create_dirs = true }) then
  return
end
Fs.write("notes/today.txt", "Call Ada.\n", { append = true })

local readable, notes = attempt(Fs.read, "notes/today.txt")
if readable then
  for line in notes:gmatch("[^\n]+") do print("todo: " .. line) end
  for _, entry in ipairs(Fs.list("notes")) do
    print(entry.name .. " is a " .. entry.kind .. " of " .. entry.size .. " bytes")
  end
  print("tomorrow: " .. (Fs.exists("notes/tomorrow.txt") and "planned" or "still free"))
end
