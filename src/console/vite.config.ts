/** Owns how the console is built: into dist/console, for the path /console/, with nothing inline. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Where `vite` sends what is not the console's own while developing: a server started with npm start. */
const serverUrl = 'http://127.0.0.1:3000';

export default defineConfig({
  root: at('.'),
  base: '/console/',
  build: {
    outDir: at('../../dist/console'),
    emptyOutDir: true,
    target: 'es2022',
    // The policy allows no data: scripts or styles; every asset is a file.
    assetsInlineLimit: 0,
    // The polyfill is for browsers older than the target.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onLog: (level, log, print) => {
        // Libraries mark their client parts for servers that render; there is none here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log);
      },
    },
    // One script of about 200 KB gzipped is one request, and the whole console works once it is there.
    chunkSizeWarningLimit: 1000,
  },
  server: {
    proxy: {
      '^/(rooms|room-types|audit|events|openapi.json|console/sign-in)': { target: serverUrl },
    },
  },
});
