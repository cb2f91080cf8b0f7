-- Request headers: an allow list. Services receive the headers that are named here, and no others.
--
-- HTTP allows more than gRPC does: names such as `a+b`, `grpc-*` and `*-bin` with any value. A gRPC server fails such a
-- call, and leaves what it could not parse in the header table of the connection, where it fails calls of other callers.
-- So no other header is forwarded, and those that are forwarded are well-formed.

local function set(names)
  local found = {}
  for name in names:gmatch("%S+") do found[name] = true end
  return found
end

-- Read by a service or by a filter: the request is refused when gRPC cannot carry the value.
local READ = set([[
  :authority :method :path :scheme accept authorization content-type grpc-encoding grpc-timeout idempotency-key
  if-match if-none-match if-range last-event-id prefer range x-api-key
]])

-- Without effect on the response: dropped when gRPC cannot carry the value.
local PASSED = set([[
  accept-encoding content-length grpc-accept-encoding te traceparent tracestate transfer-encoding user-agent
  x-forwarded-proto x-request-id
]])

-- Only on WebSocket upgrades, which go to an HTTP server.
local UPGRADE = set([[
  connection origin sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version upgrade
]])

-- The largest size of all headers of the caller together, counted as HTTP/2 does. The services' own limit is larger than
-- this and what Envoy adds (atelier_service/server.py).
local MAX_BYTES = 16384
local BYTES_OF_EACH = 32

-- Headers of gRPC calls, and the values that a server supports; dropped on other requests.
local CALL = {
  ["grpc-timeout"] = function(value) return #value <= 9 and value:find("^%d+[HMSmun]$") end,
  ["grpc-encoding"] = function(value) return value == "identity" or value == "gzip" or value == "deflate" end,
  ["grpc-accept-encoding"] = function() return true end,
}

-- Encodes a length-delimited field of a protobuf message.
local function field(number, bytes)
  local length, tail = #bytes, ""
  if length > 127 then length, tail = 128 + length % 128, string.char(math.floor(length / 128)) end
  return string.char(number * 8 + 2, length) .. tail .. bytes
end

-- Encodes google.rpc.Status INVALID_ARGUMENT with one ErrorInfo.
local function invalid_argument(message)
  local info = field(1, "INVALID_REQUEST") .. field(2, "atelier")
  local any = field(1, "type.googleapis.com/google.rpc.ErrorInfo") .. field(2, info)
  return "\8\3" .. field(2, message) .. field(3, any)
end

local function refuse(handle, message, is_grpc)
  if is_grpc then
    handle:respond({
      [":status"] = "400", ["grpc-status"] = "3", ["grpc-message"] = message,
      ["grpc-status-details-bin"] = handle:base64Escape(invalid_argument(message)),
    }, "")
  else
    handle:respond({ [":status"] = "400" }, message)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  -- gRPC-Web looks like gRPC from here on.
  local is_grpc = (headers:get("content-type") or ""):find("^application/grpc") ~= nil
  local is_upgrade = headers:get("upgrade") ~= nil
  local bytes, dropped, wrong = 0, {}, nil
  for name, value in pairs(headers) do
    bytes = bytes + #name + #value + BYTES_OF_EACH
    local understood = CALL[name]
    if understood and not is_grpc then
      dropped[name] = true
    elseif READ[name] then
      if value:find("[^\32-\126]") or understood and not understood(value) then wrong = name end
    elseif not (PASSED[name] or is_upgrade and UPGRADE[name]) or value:find("[^\32-\126]") then
      dropped[name] = true
    end
  end
  if bytes > MAX_BYTES then
    handle:respond({ [":status"] = "431" }, "")
  elseif wrong then
    refuse(handle, wrong .. ": the value is malformed, or not of printable ASCII", is_grpc)
  else
    for name in pairs(dropped) do headers:remove(name) end
  end
end
