-- Credentials: moves each form of credential to the header that jwt_authn or ext_authz reads, and leaves exactly one.

local WEBSOCKET = "/ws/v1/events"

-- A browser cannot set headers on a WebSocket: its token is in the query, and is moved to a header.
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

-- Elements of a page send no headers: the signature of a URL is in the query, and is moved to a header that clients
-- cannot send. Other credentials of the request are removed: a signed URL opens the same resource for every caller.
local function move_signature(handle, headers)
  local path, query = headers:get(":path"):match("^(/api/[^?]*)%?(.*)$")
  if not query then return end
  local rest, signature = {}, nil
  for pair in query:gmatch("[^&]+") do
    local found = pair:match("^sig=(.*)$")
    if found then signature = signature or found else rest[#rest + 1] = pair end
  end
  if not signature then return end
  headers:replace(":path", path .. (#rest > 0 and "?" .. table.concat(rest, "&") or ""))
  local method = headers:get(":method")
  if method ~= "GET" and method ~= "HEAD" then return end
  headers:remove("authorization")
  headers:remove("x-api-key")
  headers:replace("x-atelier-signature", signature)
  -- HEAD of a stream has become GET of the record to which the stream belongs (head.lua): the service then accepts the
  -- stream's signature for the record.
  local head = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.head")
  if head and head["stream"] ~= "" then headers:replace("x-atelier-head-of-stream", "1") end
  handle:streamInfo():dynamicMetadata():set("atelier.credentials", "signed", "1")
end

-- A bearer credential takes precedence over `x-api-key`. It may be an API key: most SDKs can only send a bearer.
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
  move_signature(handle, headers)
  move_token(headers)
  settle_bearer(headers)
end

-- A signed URL is a secret until it expires: pages loaded from it must not send it as a referrer.
function envoy_on_response(handle)
  local ours = handle:streamInfo():dynamicMetadata():get("atelier.credentials")
  if ours and ours["signed"] then handle:headers():replace("referrer-policy", "no-referrer") end
end
