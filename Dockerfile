# The shop as an image: nothing in it but the program and .NET's runtime, no shell, no root. docker build -t tienda .
# It runs with a read-only root file system. It writes to /shop/data (a volume: secrets, and the rate limits' counters, which all workers
# share), with `secrets --key-file` to /shop/keys (a volume), and to /tmp only what debuggers ask for (a tmpfs, or nothing).
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source

# The packages are fetched again only if these files change.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/Tienda/Tienda.csproj src/Tienda/packages.lock.json src/Tienda/
RUN dotnet restore src/Tienda --locked-mode

COPY BannedSymbols.txt ./
COPY src src
# Style is judged where the tests run; the analyzers take a third of a build's time.
RUN dotnet publish src/Tienda --configuration Release --no-restore --output /app -p:RunAnalyzers=false \
    && mkdir -p /shop/data /shop/keys

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
COPY --from=build /app /app
# A new volume takes over whose the folder is.
COPY --from=build --chown=1654:1654 /shop /shop
WORKDIR /shop
# The base image would have ASP.NET Core listen on 8080; HOST and PORT say where.
ENV PATH="/app:$PATH" HOST=0.0.0.0 PORT=8000 ASPNETCORE_HTTP_PORTS=
# The user "app" of the base image.
USER 1654:1654
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["/app/tienda", "health"]
# SIGTERM reaches the program itself, which lets running requests end within SHUTDOWN_TIMEOUT (30 s): give it longer than that to stop.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/tienda"]
CMD ["serve"]
