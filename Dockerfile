# The server without its embedded Postgres: it needs DATABASE_URL and a key, as in production.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json prisma.config.ts ./
COPY scripts scripts
COPY prisma prisma
COPY src src
RUN npm run build

FROM node:26-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force
COPY --from=build /app/dist dist
# The migrations are read at run time: to apply them, and to tell whether they are applied.
COPY prisma prisma
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is the first process: it gets the signals itself. Nothing is written: a read-only file system will do.
# Without a limit V8 lets garbage lie on a large machine: docs/performance.md has the figures.
CMD ["node", "--max-semi-space-size=4", "--max-old-space-size=256", "dist/server.js"]
