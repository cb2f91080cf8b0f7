-- CORS: sets the headers that allow the requesting page to read a response. Envoy's own filter handles preflights, but
-- ignores routes with a direct response. The configuration defines `ORIGINS` and `EXPOSED` before this text.

local METADATA = "envoy.filters.http.cors_answers"

function envoy_on_request(handle)
  local origin = handle:headers():get("origin")
  if origin and (ORIGINS[origin] or ORIGINS["*"]) then
    handle:streamInfo():dynamicMetadata():set(METADATA, "origin", origin)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  -- Also on responses to requests without an origin: caches store one response for all requests.
  headers:add("vary", "Origin")
  local asked = handle:streamInfo():dynamicMetadata():get(METADATA)
  if not asked then return end
  headers:replace("access-control-allow-origin", asked["origin"])
  headers:replace("access-control-expose-headers", EXPOSED)
end
