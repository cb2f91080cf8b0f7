-- A JSON body, held against its message.

local value -- of a field, forward

local function message(i, kind, in_path)
  local fields, seen = FIELDS[kind], {}
  return object(i, function(name, at)
    local field = fields[name]
    if not field then refuse("unknown field" .. suggestion(name, fields)) end
    if in_path and in_path[field.name] then refuse("it is part of the path") end
    if seen[field] then twice() end
    seen[field] = true
    if field.oneof and byte(text, at) ~= 110 then
      if seen[field.oneof] then refuse("only one of " .. field.oneof .. " can be set") end
      seen[field.oneof] = true
    end
    return value(at, field, true)
  end)
end

local function kind_of(c) return c == 123 and "an object" or c == 91 and "a list" end

-- One value of a kind, neither list nor map; null stands for nothing where `may_be_null`.
local function single(i, kind, may_be_null)
  local c = byte(text, i)
  if kind == "json" and not (may_be_null and c == 110) then return raw_json(i, c) end
  local shape = kind_of(c)
  if FIELDS[kind] then
    if c == 123 then return message(i, kind) end
  elseif kind == "any" or kind == "object" and c == 123 or kind == "array" and c == 91 then
    return any(i)
  end
  if shape then refuse(shape .. " is not " .. (WANTED[kind] or "an object")) end
  local last, what, has_escapes = scalar_end(c, i)
  if what == "null" and may_be_null or what == "string" and kind == "string" then return last end
  local scalar = sub(text, i, last - 1)
  if FIELDS[kind] or kind == "object" or kind == "array" then is_not(scalar, kind) end
  local bare = what == "string" and sub(scalar, 2, -2) or scalar
  if has_escapes and (#bare <= LONGEST_NAME or kind == "bytes") then bare = unescaped(bare) end
  if not is_scalar(kind, bare, what) then is_not(scalar, kind) end
  return last
end

function value(i, field, may_be_null)
  local c = byte(text, i)
  if field.key then
    if c == 123 then
      local seen = {}
      return object(i, function(name, at)
        if field.key ~= "string" and not IS[field.key](name, field.key == "bool" and name or "string") then
          refuse("the key is not " .. WANTED[field.key])
        end
        if seen[name] then twice() end
        seen[name] = true
        return single(at, field.kind)
      end)
    end
  elseif field.list then
    if c == 91 then return list(i, function(at) return single(at, field.kind, field.kind == "null") end) end
  else
    return single(i, field.kind, may_be_null)
  end
  local wanted = field.key and "an object" or "a list"
  if kind_of(c) then refuse(kind_of(c) .. " is not " .. wanted) end
  local last, what = scalar_end(c, i)
  if what ~= "null" then refuse(shown(sub(text, i, last - 1)) .. " is not " .. wanted) end
  return last
end

-- Returns the body to be sent on where it differs.
local function check_body(body, route)
  text, depth, values, raw = body, 0, 0, {}
  if sub(body, 1, 3) == "\239\187\191" then refuse("the body is not JSON: it begins with a byte order mark", true) end
  local c, i = skip(1)
  if not c then
    if #body > 0 then expected("an object", i) end
    return
  end
  local field = FIELDS[route.request][route.body]
  if route.body == "" then
    refuse("this route takes no body", true)
  elseif not field or FIELDS[field.kind] and not field.list and not field.key then
    if c ~= 123 then refuse("the body is not a JSON object", true) end
    i = message(i, field and field.kind or route.request, route.body == "*" and route.variables or nil)
  else
    i = value(i, field)
  end
  c, i = skip(i)
  if c then expected("the end", i) end
  return raw[1] and with_raw_quoted() or nil
end
