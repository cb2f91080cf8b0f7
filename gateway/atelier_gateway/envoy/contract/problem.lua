-- How reading ends where something is wrong: with the place in the request and what is wrong there.

-- So that the worst body of 1 MiB holds up other callers for no longer than a few tens of milliseconds.
local DEEPEST, MOST_VALUES, LONGEST_NAME = 32, 20000, 4096
local SHOWN = 40 -- bytes of a value or name that a message repeats

-- One request is read at a time: nothing yields between its first byte and its last.
local text = ""
local path, depth = {}, 0 -- names and places from the body's field down to the value that is read
local values = 0 -- of the body so far

local function where()
  local parts = {}
  for i = 1, depth do
    local part = path[i]
    if type(part) == "number" then
      parts[#parts + 1] = "[" .. part .. "]"
    elseif find(part, "^[%w_-]+$") and #part <= 64 then
      parts[#parts + 1] = (i > 1 and "." or "") .. part
    else
      if #part > SHOWN then part = sub(part, 1, SHOWN):gsub("[\128-\255]+$", "") .. "…" end
      -- Without a backslash before a letter but u: rest.lua finds the end of the field by its tab, which JSON writes so.
      part = part:gsub("[%c\\]", function(c) return string.format("\\u%04x", byte(c)) end)
      parts[#parts + 1] = i > 1 and '["' .. part:gsub('"', '\\"') .. '"]' or part
    end
  end
  return table.concat(parts)
end

-- Ends the reading; `problem` is of the value that is read, or of the body where `is_syntax`.
local function refuse(problem, is_syntax)
  error({ field = not is_syntax and where() or "", problem = problem }, 0)
end

local function broken(what, i)
  local line, start = 1, 0
  for at = 1, i - 1 do
    if byte(text, at) == 10 then line, start = line + 1, at end
  end
  refuse("the body is not JSON: " .. what .. " at line " .. line .. ", column " .. i - start, true)
end

local function expected(what, i)
  if i > #text then broken("it ends where " .. what .. " should be", i) end
  broken("expected " .. what, i)
end
