using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>deploy/docker-compose.production.yaml, read by docker-compose itself.</summary>
public sealed class ComposeTests(ComposedShop stack) : IClassFixture<ComposedShop>
{
    private static string Text => File.ReadAllText(Repository.PathOf("deploy/docker-compose.production.yaml"));

    private static IReadOnlyDictionary<string, string> Guide =>
        EnvironmentFile.Parse(File.ReadAllText(Repository.PathOf("tests/guide.env.production")));

    [Fact]
    public void The_guides_commands_find_what_they_name()
    {
        Assert.Equal(stack.FromRoot, stack.FromDeploy);
        Assert.Equal(stack.FromRoot, stack.FromVariable);
        Assert.Equal(
            ["api", "grafana", "migrate", "nginx", "postgres", "prometheus", "redis", "secrets"],
            stack.Services.Select(service => service.Key).Order());
        Assert.Equal("ecommerce_postgres_prod", (string?)stack.Services["postgres"]!["container_name"]);
        Assert.Equal("ecommerce_redis_prod", (string?)stack.Services["redis"]!["container_name"]);
        Assert.Contains("127.0.0.1:8000:8000/tcp", stack.WordsOf("nginx", "ports"));
    }

    [Fact]
    public async Task It_is_valid_for_docker_compose_2_too() => Assert.Equal("", (await Shell.RunAsync(
        Repository.Root,
        // The shop is open to the world: nginx listens on every address.
        "artifacts/tools/node_modules/.bin/dclint deploy/docker-compose.production.yaml --quiet --disable-rule no-unbound-port-interfaces"))
        .Trim());

    [Fact]
    public void The_guides_file_reaches_shop_and_database_without_its_comments()
    {
        var shop = stack.EnvironmentOf("api");
        Assert.All(Guide, setting => Assert.Equal(setting.Value, shop[setting.Key]));
        var database = stack.EnvironmentOf("postgres");
        Assert.All(
            ["POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"], name => Assert.Equal(Guide[name], database[name]));
        Assert.All(["redis", "nginx", "prometheus"], service => Assert.Null(stack.Services[service]!["environment"]));

        var settings = Settings.Read(new SettingsReader([new SettingsSource("environment", shop)]));
        Assert.Equal(("0.0.0.0", 8000, 4), (settings.Host, settings.Port, settings.Workers));
        Assert.Equal(
            (string)stack.Networks["front"]!["ipam"]!["config"]![0]!["subnet"]!, settings.FrontDoor.TrustedProxies.Single().ToString());
        var stop = TimeSpan.FromSeconds(int.Parse(((string)stack.Services["api"]!["stop_grace_period"]!).TrimEnd('s'), null));
        Assert.True(stop > TimeSpan.FromSeconds(settings.ShutdownTimeoutSeconds));
    }

    [Fact]
    public async Task A_password_in_single_quotes_is_the_same_to_compose_and_to_the_shop()
    {
        const string password = "pa$word #1 $HOME";
        await using var folder = new ShopFolder();
        var line = $"POSTGRES_PASSWORD='{password}'";
        await File.WriteAllTextAsync(Path.Combine(folder.Path, ".env.production"), line, TestContext.Current.CancellationToken);
        await Shell.RunAsync(Repository.Root, $"cp -r deploy '{folder.Path}/deploy'");

        var read = ComposedShop.Yaml(await Shell.RunAsync(
            Path.Combine(folder.Path, "deploy"), "docker-compose -f docker-compose.production.yaml config"));
        // Printed as a compose file, in which $$ is one.
        Assert.All(["api", "postgres"], service => Assert.Equal(
            password.Replace("$", "$$", StringComparison.Ordinal),
            (string)read["services"]![service]!["environment"]!["POSTGRES_PASSWORD"]!));
        Assert.Equal(password, EnvironmentFile.Parse(line)["POSTGRES_PASSWORD"]);
    }

    [Fact]
    public void The_database_begins_after_the_secrets_and_the_shop_after_both()
    {
        Assert.Equal("service_completed_successfully", Condition("migrate", "secrets"));
        Assert.Equal("service_healthy", Condition("migrate", "postgres"));
        Assert.Equal("service_completed_successfully", Condition("api", "migrate"));
        Assert.Equal("service_healthy", Condition("nginx", "api"));
        Assert.All(["secrets", "migrate"], service => Assert.Equal("no", (string?)stack.Services[service]!["restart"]));
        Assert.All(
            ["secrets", "migrate", "api"], service => Assert.Contains("shop:/shop/data:rw", stack.WordsOf(service, "volumes")));

        string Condition(string service, string other) => (string)stack.Services[service]!["depends_on"]![other]!["condition"]!;
    }

    [Fact]
    public void Every_service_is_looked_after_and_confined()
    {
        Assert.All(stack.Staying, service =>
        {
            Assert.Equal("unless-stopped", (string?)service.Value!["restart"]);
            Assert.True(service.Value["healthcheck"] is not null || HasCheckInImage(service.Key), "health check");
            Assert.Matches(@":v?\d+\.?|^tienda$", (string)service.Value["image"]!);
        });
        Assert.All(stack.Services, service =>
        {
            Assert.Equal("true", (string?)service.Value!["read_only"]);
            Assert.Equal(["ALL"], stack.WordsOf(service.Key, "cap_drop"));
            Assert.Equal(["no-new-privileges:true"], stack.WordsOf(service.Key, "security_opt"));
            Assert.NotNull(service.Value["mem_limit"]);
            Assert.NotNull(service.Value["pids_limit"]);
            Assert.NotNull(service.Value["logging"]!["options"]!["max-size"]);
            Assert.Null(service.Value["privileged"]);
        });

        static bool HasCheckInImage(string service) =>
            service == "api" && File.ReadAllText(Repository.PathOf("Dockerfile")).Contains("\nHEALTHCHECK ", StringComparison.Ordinal);
    }

    [Fact]
    public void The_shop_can_be_several()
    {
        Assert.Null(stack.Services["api"]!["container_name"]);
        Assert.Null(stack.Services["api"]!["ports"]);
        var nginx = File.ReadAllText(stack.Mounted("nginx", "/etc/nginx/nginx.conf"));
        Assert.Contains("server api:8000 resolve", nginx, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_nginx_and_grafana_are_reached_from_outside_and_the_data_by_the_shop_alone()
    {
        Assert.Equal(["nginx", "grafana"], Order(stack.Services.Where(s => s.Value!["ports"] is not null).Select(s => s.Key)));
        Assert.Equal(["127.0.0.1:3000:3000/tcp"], stack.WordsOf("grafana", "ports"));
        Assert.Equal(["api", "migrate", "postgres", "redis"], On("data").Order());
        // Whoever is on this network is believed about who the client is.
        Assert.Equal(["api", "nginx"], On("front").Order());
        Assert.All(["front", "data", "watch"], network => Assert.Equal("true", (string?)stack.Networks[network]!["internal"]));

        IEnumerable<string> On(string network) =>
            stack.Services.Select(service => service.Key).Where(service => stack.NetworksOf(service).Contains(network));
        static IEnumerable<string> Order(IEnumerable<string> names) => names.OrderDescending();
    }

    [Fact]
    public void No_secret_is_in_it_and_every_file_that_it_names_is_there()
    {
        Assert.All(
            stack.Services.SelectMany(s => s.Value!["environment"]?.AsObject().Select(setting => setting.Key) ?? []),
            name => Assert.True(Guide.ContainsKey(name) || !LooksSecret(name), name));
        Assert.DoesNotContain("PASSWORD", Text + File.ReadAllText(Repository.PathOf("deploy/compose.env")), StringComparison.Ordinal);
        var files = stack.Services
            .SelectMany(service => stack.WordsOf(service.Key, "volumes").Select(volume => volume.Split(':')[0]))
            .Where(source => source.Contains('/', StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.True(Path.Exists(file), file));

        static bool LooksSecret(string name) =>
            name.EndsWith("PASSWORD", StringComparison.Ordinal) || name.EndsWith("SECRET", StringComparison.Ordinal)
            || name.EndsWith("KEY", StringComparison.Ordinal) || name.EndsWith("TOKEN", StringComparison.Ordinal);
    }
}
