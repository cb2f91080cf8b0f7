// Shows the OpenAPI document. A pasted key stays in the page's memory, and is gone with it.
"use strict";

window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: "/api/v1/openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    // No request leaves for a validator elsewhere.
    validatorUrl: null,
  });
});
