-- CORS: says on every answer whether the page that asked may read it. Envoy's own filter, which answers preflights, has
-- nothing to say where a route answers directly. `ORIGINS` and `EXPOSED` stand before this text in the configuration.

local METADATA = "envoy.filters.http.cors_answers"

function envoy_on_request(handle)
  local origin = handle:headers():get("origin")
  if origin and (ORIGINS[origin] or ORIGINS["*"]) then
    handle:streamInfo():dynamicMetadata():set(METADATA, "origin", origin)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  -- Also to who sends no origin: caches hold one answer for all.
  headers:add("vary", "Origin")
  local asked = handle:streamInfo():dynamicMetadata():get(METADATA)
  if not asked then return end
  headers:replace("access-control-allow-origin", asked["origin"])
  headers:replace("access-control-expose-headers", EXPOSED)
end
