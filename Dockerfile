# The server without its embedded Postgres: it needs DATABASE_URL and a key, as in production. `holdfast` is in it too:
#   docker run --rm -e DATABASE_URL=… IMAGE holdfast migrate
FROM node:26.10-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY client/package.json client/
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json prisma.config.ts ./
COPY scripts scripts
COPY prisma prisma
COPY src src
RUN npm run build

# Only what runs: the typed client, the compilers and the embedded Postgres stay behind.
FROM node:26.10-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY client/package.json client/
RUN npm ci --no-workspaces --omit=dev --omit=optional --ignore-scripts

FROM node:26.10-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# Both are read at run time: migrations to apply them and to tell whether they are, the page to explain problems.
COPY prisma prisma
COPY docs/problems.md docs/problems.md
RUN chmod 755 dist/cli/holdfast.js && ln -s /app/dist/cli/holdfast.js /usr/local/bin/holdfast
# By number, so that an orchestrator can tell that it is not root.
USER 1000:1000
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is the first process: it gets the signals itself. Nothing is written: a read-only file system will do.
# Without a limit V8 lets garbage lie on a large machine: docs/performance.md has the figures.
CMD ["node", "--max-semi-space-size=8", "--single-threaded-gc", "--max-old-space-size=256", "dist/server.js"]
