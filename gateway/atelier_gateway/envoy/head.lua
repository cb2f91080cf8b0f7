-- HEAD: forwarded as GET, since services implement only GET; the body of the response is dropped here.

local METADATA = "envoy.filters.http.head"

-- For a stream, the record to which it belongs is requested: it returns at once, and has the same 404.
local function record_of(path)
  if path:find("^/api/v1/events$") then return "/api/v1/system/status" end
  return path:match("^(/api/v1/.+)/events$")
end

-- The query of a stream is not understood by its record; a signature is no part of the query (credentials.lua).
local function signature_of(query)
  for pair in query:gmatch("[^&]+") do
    if pair:find("^sig=") then return "?" .. pair end
  end
  return ""
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":method") ~= "HEAD" then return end
  local path, query = headers:get(":path"):match("^([^?]*)%??(.*)$")
  local record = record_of(path)
  if record then
    headers:replace(":path", record .. signature_of(query))
  elseif path:find("/content$") then
    -- The response to one byte of a file contains the size of the whole file.
    headers:replace("range", "bytes=0-0")
    headers:remove("if-range")
  end
  headers:replace(":method", "GET")
  local wants_sse = (headers:get("accept") or ""):find("text/event-stream", 1, true)
  local stream = record and (wants_sse and "text/event-stream" or "application/x-ndjson") or ""
  handle:streamInfo():dynamicMetadata():set(METADATA, "stream", stream)
end

function envoy_on_response(handle)
  local asked = handle:streamInfo():dynamicMetadata():get(METADATA)
  if not asked then return end
  local headers = handle:headers()
  local status = headers:get(":status")
  local size = status == "206" and (headers:get("content-range") or ""):match("/(%d+)$")
  if size then
    headers:replace(":status", "200")
    headers:replace("content-length", size)
    headers:remove("content-range")
  elseif asked["stream"] ~= "" and status == "200" then
    headers:replace("content-type", asked["stream"])
    headers:remove("content-length")
  end
  for chunk in handle:bodyChunks() do
    if chunk:length() > 0 then chunk:setBytes("") end
  end
end
