-- Credentials: brings what callers may send to where jwt_authn and ext_authz look for it. One credential is left.

local WEBSOCKET = "/ws/v1/events"

-- A browser cannot set headers on a WebSocket: its token comes in the query, and goes on as a header.
local function move_token(headers)
  local path = headers:get(":path")
  local query = path:match("^" .. WEBSOCKET .. "%?(.*)$")
  if not query then return end
  local rest = {}
  for pair in query:gmatch("[^&]+") do
    local token = pair:match("^access_token=(.*)$")
    if not token then
      rest[#rest + 1] = pair
    elseif not headers:get("authorization") then
      headers:add("authorization", "Bearer " .. token)
    end
  end
  headers:replace(":path", WEBSOCKET .. (#rest > 0 and "?" .. table.concat(rest, "&") or ""))
end

-- What is sent as a bearer counts, and a key beside it does not. It may be a key: most SDKs can send nothing else.
local function settle_bearer(headers)
  local scheme, credential = (headers:get("authorization") or ""):match("^(%a+) +(.*)$")
  if not scheme or scheme:lower() ~= "bearer" then return end
  headers:remove("x-api-key")
  if credential:find("^atl_") then
    headers:remove("authorization")
    headers:add("x-api-key", credential)
  else
    headers:replace("authorization", "Bearer " .. credential)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  move_token(headers)
  settle_bearer(headers)
end
