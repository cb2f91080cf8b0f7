-- The filter: finds the route of a REST request, and answers 400 to one that holds what its RPC does not take.

-- Routes: those without variables by their path, the rest by their patterns.
local ROUTES = {}
for verb, rows in pairs(CONTRACT.routes) do
  local routes = { literal = {} }
  for _, row in ipairs(rows) do
    local route = { path = row[1], names = row[2], request = row[3], body = row[4], bytes = row[5], variables = {} }
    for _, name in ipairs(row[2]) do route.variables[name] = true end
    if #row[2] == 0 then routes.literal[route.path] = route else routes[#routes + 1] = route end
  end
  ROUTES[verb] = routes
end

local function find_route(verb, target)
  local routes = ROUTES[verb]
  if not routes then return nil end
  local literal = routes.literal[target]
  if literal then return literal, {} end
  for _, route in ipairs(routes) do
    local parts = { target:match(route.path) }
    if parts[1] then return route, parts end
  end
end

-- What is wrong, or nil: the field, which may be empty, and a tab before the problem. rest.lua makes an answer of it.
-- Then what the check returns.
local function problem_of(check, ...)
  local fine, wrong = pcall(check, ...)
  text, raw = "", {}
  if fine then return nil, wrong end
  if type(wrong) ~= "table" then error(wrong, 0) end
  return wrong.field .. "\t" .. wrong.problem
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if find(headers:get("content-type") or "", "^application/grpc") then return end
  local target, query = headers:get(":path"):match("^([^?]*)%??(.*)$")
  local route, parts = find_route(headers:get(":method"), target)
  if not route then return end
  -- A plus is a space in a form's query; the transcoder takes it for a plus.
  if find(query, "+", 1, true) then
    query = query:gsub("%+", "%%20")
    headers:replace(":path", target .. "?" .. query)
  end
  local wrong = problem_of(check_variables, parts, route) or problem_of(check_query, query, route)
  if not wrong and not route.bytes then
    local buffer = handle:body()
    local length = buffer and buffer:length() or 0
    if length > 0 then
      local changed
      wrong, changed = problem_of(check_body, buffer:getBytes(0, length), route)
      if changed then buffer:setBytes(changed) end
    end
  end
  if wrong then handle:respond({ [":status"] = "400" }, wrong) end
end
