-- The variables of a path and the parameters of a query, held against the request that they fill.

local function decoded(s)
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- A value that stands in the URL.
local function check_text(s, field)
  local at = find(s, "[\128-\255]")
  while at do
    at = character(s, at) or refuse("is not valid UTF-8")
    at = find(s, "[\128-\255]", at)
  end
  local kind = field.kind
  local what = kind == "bool" and s or (ENUMS[kind] and find(s, "^%-?%d+$")) and "number" or "string"
  if not is_scalar(kind, s, what) then is_not('"' .. s .. '"', kind) end
end

-- The field that a query parameter names, `a.b` within `a`.
local function query_field(name, route)
  local fields, field = FIELDS[route.request], nil
  for part in (name .. "."):gmatch("([^.]*)%.") do
    field = fields and fields[part]
    if not field then refuse("unknown query parameter" .. (fields and suggestion(part, fields) or "")) end
    if route.body == "*" or fields == FIELDS[route.request] and field.name == route.body then
      refuse("it belongs into the body")
    end
    fields = not field.list and not field.key and FIELDS[field.kind] or nil
  end
  if FIELDS[field.kind] or field.key or not (ENUMS[field.kind] or IS[field.kind]) then
    refuse("it cannot stand in a query")
  end
  return field
end

local function check_query(query, route)
  local seen = {}
  depth = 1
  for pair in query:gmatch("[^&]+") do
    local name, s = pair:match("^([^=]*)=?(.*)$")
    path[1] = name:gsub("[^\32-\126]", "?")
    if route.variables[path[1]] then refuse("it is part of the path") end
    local field = query_field(path[1], route)
    if seen[field] and not field.list then twice() end
    seen[field] = true
    check_text(decoded(s), field)
  end
end

local function check_variables(parts, route)
  depth = 1
  for i, name in ipairs(route.names) do
    path[1] = name
    check_text(decoded(parts[i]), FIELDS[route.request][name])
  end
end
