-- What the gRPC runtime of a service refuses itself, before the service is asked: it tells a code and a text of its own,
-- and gets the details here that every other refusal has.

local REFUSED = {
  { "larger than max", 8, "MESSAGE_TOO_LARGE", "the message is too large" },
  { "^Compression bit set", 3, "INVALID_REQUEST", "the message says that it is compressed, and the call does not" },
  { "^Decompression failed", 3, "INVALID_REQUEST", "the message cannot be decompressed" },
}

-- A field of a protobuf message that holds up to 16383 bytes.
local function field(number, bytes)
  local length, tail = #bytes, ""
  if length > 127 then length, tail = 128 + length % 128, string.char(math.floor(length / 128)) end
  return string.char(number * 8 + 2, length) .. tail .. bytes
end

-- google.rpc.Status with one ErrorInfo.
local function status(code, reason, text)
  local info = field(1, reason) .. field(2, "atelier")
  local any = field(1, "type.googleapis.com/google.rpc.ErrorInfo") .. field(2, info)
  return "\8" .. string.char(code) .. field(2, text) .. field(3, any)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local message = headers:get("grpc-message")
  if not message or headers:get("grpc-status-details-bin") then return end
  for _, refused in ipairs(REFUSED) do
    local pattern, code, reason, told = unpack(refused)
    if find(message, pattern) then
      headers:replace("grpc-status", tostring(code))
      headers:replace("grpc-message", told)
      headers:add("grpc-status-details-bin", (handle:base64Escape(status(code, reason, told)):gsub("=+$", "")))
      return
    end
  end
end
