-- REST responses: converts what the transcoder leaves of gRPC (status, headers, errors). Also gives requests a trace id.

-- Every request has a trace id, also when spans are not exported: it is in responses, events and logs.
local function ensure_trace(handle, headers)
  local parent = headers:get("traceparent") or ""
  local trace_id = parent:match("^%x%x%-(%x+)%-%x+%-%x%x$")
  if not trace_id or #trace_id ~= 32 then
    trace_id = (headers:get("x-request-id") or ""):gsub("-", ""):lower()
    if not trace_id:match("^%x+$") or #trace_id ~= 32 then return end
    headers:replace("traceparent", "00-" .. trace_id .. "-" .. trace_id:sub(17) .. "-01")
  end
  handle:streamInfo():dynamicMetadata():set("envoy.filters.http.lua", "trace_id", trace_id)
end

function envoy_on_request(handle)
  ensure_trace(handle, handle:headers())
end

local function status(code, reason, message, more)
  return '{"code":' .. code .. ',"message":"' .. message
    .. '","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"' .. reason
    .. '","domain":"atelier","metadata":{}}' .. (more or "") .. "]}\n"
end

-- Returns the message, escaped for JSON, of a response that Envoy itself made; nil for a response of a service.
local function local_message(body)
  return body:match('^{"code":%d+,"details":%[.-%],"message":"malformed request: (.*)"}%s*$')
end

local function invalid(field, problem)
  local violation = ',{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":"' .. field
    .. '","description":"' .. problem .. '"}]}'
  return 400, status(3, "INVALID_REQUEST", field .. ": " .. problem, violation)
end

local function plain(message)
  return 400, status(3, "INVALID_REQUEST", message)
end

-- 400: contract/request.lua puts the field, which may be empty, before a tab. `message` is escaped for JSON.
local function invalid_request(message)
  local field, problem = message:match("^(.-)\\t(.+)$")
  if not field then return plain(message == "" and "malformed request" or message:match("^(.-)\\[nu]") or message) end
  if field == "" then return plain(problem) end
  return invalid(field, problem)
end

local function refine(handle)
  local buffer = handle:body()
  if not buffer then return end
  local message = local_message(buffer:getBytes(0, buffer:length()))
  if not message then return end
  local http, body = invalid_request(message)
  -- The headers are fetched again: body() yields, and handles obtained before a yield are invalid after it.
  local headers = handle:headers()
  headers:replace(":status", tostring(http))
  headers:replace("content-length", tostring(buffer:setBytes(body)))
end

local GRPC_HEADERS = { "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-accept-encoding", "grpc-encoding" }

-- A response of the gateway itself to a gRPC-Web client has no content type yet.
local function is_grpc(headers)
  local kind = headers:get("content-type")
  return kind and kind:find("^application/grpc") or not kind and headers:get("grpc-status")
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local code, length = headers:get("x-http-code"), headers:get("x-http-content-length")
  headers:remove("x-http-code")
  headers:remove("x-http-content-length")
  if is_grpc(headers) then return end
  for _, name in ipairs(GRPC_HEADERS) do headers:remove(name) end
  if length then headers:replace("content-length", length) end
  if code and code:find("^[2-5]%d%d$") then
    headers:replace(":status", code)
    if code == "204" or code == "304" then headers:remove("content-type") end
    return
  end
  if headers:get(":status") == "400" then refine(handle) end
end
