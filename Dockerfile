# Two images: `rekey`, with gateway, worker and command line, and `simulator`, which no production needs.
# To build on an image that cannot change, give its digest: --build-arg NODE_IMAGE=node:24-…@sha256:…
# What the labels of the images say is given too: VERSION, REVISION (git rev-parse HEAD), CREATED (RFC 3339) and
# SOURCE (a URL).
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /rekey
ENV CI=true
COPY package.json package-lock.json nx.json tsconfig.base.json tsconfig.json ./
COPY libs libs
COPY apps apps
COPY e2e/package.json e2e/
COPY bench/package.json bench/
COPY chaos/package.json chaos/
COPY tools tools
RUN npm ci --no-audit --no-fund
RUN npm run build && npm prune --omit=dev --omit=optional --no-audit --no-fund
# Keep only the built code.
RUN find apps libs -name src -type d -prune -exec rm -rf {} + && rm -rf e2e bench chaos tools apps/worker/model apps/start libs/testing node_modules/@rekey/start node_modules/@rekey/testing node_modules/@rekey/e2e node_modules/@rekey/bench node_modules/@rekey/chaos node_modules/@rekey/tools node_modules/@rekey/simulator

FROM ${NODE_IMAGE} AS base
WORKDIR /rekey
ENV NODE_ENV=production
# With the sizes a million ids take at most 200 MB (docs/guides/operate.md). The first option keeps a signal
# from opening a debugger.
ENV NODE_OPTIONS="--disable-sigusr1 --max-semi-space-size=16 --max-old-space-size=512"
# Each thread of V8 would otherwise keep megabytes of its own.
ENV MALLOC_ARENA_MAX=2
COPY --from=build /rekey/package.json ./
COPY --from=build /rekey/node_modules node_modules
COPY --from=build /rekey/libs libs
ARG NODE_IMAGE
ARG VERSION=0.0.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
# The licence of the parts that others wrote is in each folder of node_modules.
LABEL org.opencontainers.image.title="Rekey" \
      org.opencontainers.image.description="Rotates the secret keys of Invent assistants" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"

FROM base AS simulator
COPY --from=build /rekey/apps/simulator apps/simulator
RUN mkdir /simulator && chown node:node /simulator
USER node
CMD ["node", "--disable-sigusr1", "apps/simulator/dist/main.js", "--help"]

# The last one, which `docker build` makes without --target.
FROM base AS rekey
COPY --from=build /rekey/apps/cli apps/cli
COPY --from=build /rekey/apps/gateway apps/gateway
COPY --from=build /rekey/apps/worker apps/worker
COPY docker docker
RUN printf '#!/bin/sh\nexec node --disable-sigusr1 /rekey/apps/cli/dist/main.js "$@"\n' > /usr/local/bin/rekey \
 && chmod 755 /usr/local/bin/rekey && mkdir /registry /archive /run/rekey \
 && chown node:node /registry /archive /run/rekey
USER node
CMD ["rekey", "--help"]
