using Microsoft.Extensions.Logging;
using Tienda.Hosting;

namespace Tienda.UnitTests.Hosting;

public sealed class SettingsTests
{
    // As the guide prints it.
    private static string GuideFile => File.ReadAllText(Path.Combine(ArchitectureTests.Root, "tests", "guide.env.production"));

    [Fact]
    public void The_guides_file_is_accepted_as_it_stands()
    {
        var settings = Read(new SettingsSource(".env.production", EnvironmentFile.Parse(GuideFile)));

        Assert.Equal(new PostgresServer("postgres", 5432, "ecommerce_prod", "postgres", "tu_password_seguro_aqui"), settings.Postgres);
        Assert.False(settings.EmbeddedPostgres);
        Assert.Equal((50, 100, 10, 3600),
            (settings.PoolSize, settings.PoolMaxOverflow, settings.PoolTimeoutSeconds, settings.PoolRecycleSeconds));
        Assert.True(settings.PoolPrePing);
        Assert.Equal(new RedisAddress("redis", 6379, 0, null), settings.Redis);
        Assert.Equal((300, 4), (settings.Cache.Seconds, settings.Workers));
        Assert.Equal((true, 100, 60), (settings.RateLimitEnabled, settings.RateLimitCalls, settings.RateLimitPeriodSeconds));
        Assert.Equal(("0.0.0.0", 8000), (settings.Host, settings.Port));
        Assert.Equal((LogLevel.Information, true), (settings.LogLevel, settings.JsonLogs));
        Assert.Equal(["https://tuapp.com", "https://www.tuapp.com"], settings.FrontDoor.CorsOrigins);
    }

    [Fact]
    public void Nothing_set_is_the_private_database_on_this_machine_only()
    {
        var settings = Read();

        Assert.True(settings.EmbeddedPostgres);
        Assert.Null(settings.Postgres);
        Assert.Equal(("127.0.0.1", 8000), (settings.Host, settings.Port));
    }

    [Fact]
    public void The_stronger_source_wins_and_within_one_the_first_name()
    {
        var settings = Read(
            Source("command line", ("PORT", "1")),
            Source("environment", ("PORT", "2"), ("LOG_LEVEL", "ERROR"), ("UVICORN_LOG_LEVEL", "debug")),
            Source(".env", ("UVICORN_PORT", "3"), ("CURRENCY", "EUR"), ("LOG_LEVEL", "info")));

        Assert.Equal((1, LogLevel.Error, "EUR"), (settings.Port, settings.LogLevel, settings.Currency));
    }

    [Fact]
    public void A_stronger_source_wins_under_whatever_name_it_uses() =>
        Assert.Equal(2, Read(Source("environment", ("UVICORN_PORT", "2")), Source(".env", ("PORT", "3"))).Port);

    [Fact]
    public void An_empty_value_is_no_value() =>
        Assert.True(Read(Source("environment", ("POSTGRES_HOST", ""), ("PORT", ""))) is { EmbeddedPostgres: true, Port: 8000 });

    [Fact]
    public void Every_mistake_is_named_at_once_with_its_source_and_what_is_accepted()
    {
        var refused = Assert.Throws<SettingsException>(() => Read(
            Source("environment", ("PORT", "70000"), ("DB_POOL_SIZE", "many"), ("ACCESS_LOG", "perhaps")),
            Source(".env", ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("CURRENCY", "euro"), ("HOST", "shop.example"))));

        string[] mistakes =
        [
            "PORT=70000 (environment): accepted is a whole number from 0 to 65535.",
            "DB_POOL_SIZE=many (environment)", "ACCESS_LOG=perhaps (environment): accepted is true or false.",
            "LOG_LEVEL=loud (.env)", "LOG_FORMAT=xml (.env)", "CURRENCY=euro (.env)", "HOST=shop.example (.env)",
        ];
        Assert.All(mistakes, mistake => Assert.Contains(mistake, refused.Message));
        Assert.Equal(mistakes.Length, refused.Message.Split('\n').Length);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("many")]
    public void Fewer_connections_to_redis_than_there_are_are_refused(string value)
    {
        var refused = Assert.Throws<SettingsException>(() => Read(Source(".env", ("REDIS_HOST", "redis"), ("REDIS_MAX_CONNECTIONS", value))));

        Assert.Equal($"REDIS_MAX_CONNECTIONS={value} (.env): accepted is a whole number from 2 to 10000.", refused.Message);
    }

    private static Settings Read(params SettingsSource[] sources) => Settings.Read(new SettingsReader(sources));

    private static SettingsSource Source(string name, params (string Name, string Value)[] values) =>
        new(name, values.ToDictionary(pair => pair.Name, pair => pair.Value));
}
