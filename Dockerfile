# One image for gateway, worker, simulator and command line; the command chooses.
FROM node:24-bookworm-slim AS build
WORKDIR /rekey
ENV CI=true
COPY package.json package-lock.json nx.json tsconfig.base.json tsconfig.json ./
COPY libs libs
COPY apps apps
COPY e2e/package.json e2e/
COPY bench/package.json bench/
COPY chaos/package.json chaos/
COPY tools/package.json tools/
RUN npm ci --no-audit --no-fund
COPY proto proto
RUN npm run build && npm prune --omit=dev --omit=optional --no-audit --no-fund
# Keep only the built code.
RUN find apps libs -name src -type d -prune -exec rm -rf {} + && rm -rf e2e bench chaos tools apps/start libs/testing node_modules/@rekey/start node_modules/@rekey/testing node_modules/@rekey/e2e node_modules/@rekey/bench node_modules/@rekey/chaos node_modules/@rekey/tools

FROM node:24-bookworm-slim
WORKDIR /rekey
ENV NODE_ENV=production
# With these options a million ids take at most 200 MB (docs/guides/operate.md).
ENV NODE_OPTIONS="--max-semi-space-size=16 --max-old-space-size=512"
COPY --from=build /rekey/package.json ./
COPY --from=build /rekey/node_modules node_modules
COPY --from=build /rekey/proto proto
COPY --from=build /rekey/libs libs
COPY --from=build /rekey/apps apps
RUN mkdir /keys /simulator && chown node:node /keys /simulator \
 && printf '#!/bin/sh\nexec node /rekey/apps/cli/dist/main.js "$@"\n' > /usr/local/bin/rekey && chmod 755 /usr/local/bin/rekey
USER node
CMD ["rekey", "--help"]
