# syntax=docker/dockerfile:1
# Debian, not Alpine: Temporal's native core needs glibc.
FROM node:24-bookworm-slim AS build
WORKDIR /app

COPY package.json package-lock.json ./
# The one install script that matters fetches Node, which this image has.
RUN npm ci --ignore-scripts --no-audit --no-fund

COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY scripts scripts
COPY src src
RUN node scripts/build.ts \
    && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
    # The native core comes for five platforms, 30 MB each.
    && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Tributary" \
      org.opencontainers.image.description="A durable S3 data engine on Temporal" \
      org.opencontainers.image.licenses="Apache-2.0"

# The slim image has no certificates, and Temporal's core wants them even without TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/bin bin

# The heap holds plans and reports; the bytes on their way are outside of it, under memory.budget. Both fit into 1 GiB.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-old-space-size=512 \
    TRIBUTARY_HEALTH_HOST=0.0.0.0 \
    TRIBUTARY_HEALTH_PORT=8081 \
    TRIBUTARY_METRICS_HOST=0.0.0.0 \
    TRIBUTARY_METRICS_PORT=9464 \
    TRIBUTARY_LOG_FORMAT=json
EXPOSE 8081 9464
USER node

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.TRIBUTARY_HEALTH_PORT + '/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

ENTRYPOINT ["node", "bin/tributary.mjs"]
CMD ["worker"]
