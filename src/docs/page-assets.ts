/** Owns the script and the style of the documentation pages that are not Swagger UI's own. */

/**
 * Starts Swagger UI on /docs. Calls that are tried go to the very server that sent the page, whatever PUBLIC_URL says:
 * the page may call no other. Tokens are not kept.
 */
export const startScript = `'use strict';
const target = document.getElementById('swagger-ui');
fetch('openapi.json')
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error('HTTP ' + answer.status))))
  .then((spec) => {
    const here = new URL('.', location.href).href.replace(/\\/$/, '');
    SwaggerUIBundle({
      spec: { ...spec, servers: [{ url: here, description: 'This server' }] },
      domNode: target,
      presets: [SwaggerUIBundle.presets.apis],
      layout: 'BaseLayout',
      deepLinking: true,
      displayRequestDuration: true,
      filter: true,
      tryItOutEnabled: true,
      defaultModelsExpandDepth: 0,
      persistAuthorization: false,
      validatorUrl: null,
    });
  })
  .catch((error) => {
    target.textContent = 'The OpenAPI document could not be read (' + error.message + '). Reload to try again.';
  });
`;

/** Of both pages; Swagger UI's parts keep their own. */
export const pageStyle = `:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1f2933; font: 16px/1.55 system-ui, sans-serif; }
.top { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; align-items: baseline; padding: 0.75rem 1.25rem;
  border-bottom: 1px solid #d5dbe1; }
.top strong { font-size: 1.1rem; }
.top a, .text a { color: #0b5cad; }
.top a:focus-visible, .text a:focus-visible { outline: 3px solid #0b5cad; outline-offset: 2px; }
#swagger-ui { padding: 0 0 3rem; }
#swagger-ui:empty::before { content: 'Loading …'; display: block; padding: 2rem 1.25rem; }
.text { max-width: 46rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
.text h2 { margin: 3rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid #d5dbe1; font-size: 1.25rem; }
.text h2 a { color: inherit; text-decoration: none; }
.text h2 a:hover, .text h2 a:focus-visible { text-decoration: underline; }
.text h2:target { background: #fff6d6; }
.text code { font: 0.9em ui-monospace, monospace; background: #f1f4f7; padding: 0.1em 0.3em; border-radius: 3px;
  overflow-wrap: anywhere; }
.text pre { background: #f1f4f7; padding: 0.75rem 1rem; overflow-x: auto; border-radius: 6px; }
.text pre code { padding: 0; background: none; overflow-wrap: normal; }
.text table { border-collapse: collapse; }
.text th, .text td { padding: 0.2rem 1rem 0.2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e4e9ee; }
.text td code { overflow-wrap: break-word; }
.text td:nth-child(2) { white-space: nowrap; }
`;
