using System.Text.Json.Nodes;
using Tienda.ApiTests.Data;
using YamlDotNet.Serialization;

namespace Tienda.ApiTests.Hosting;

/// <summary>What docker-compose makes of the compose file, beside which only the guide's .env.production lies.</summary>
public sealed class ComposedShop : IAsyncLifetime
{
    private readonly ShopFolder _folder = new();

    /// <summary>A folder with what the repository has in deploy/.</summary>
    public string Root => _folder.Path;

    /// <summary>As the guide's command reads it from the root of the repository.</summary>
    public string FromRoot { get; private set; } = "";

    /// <summary>As the guide's command reads it word for word, in the folder of the file.</summary>
    public string FromDeploy { get; private set; } = "";

    /// <summary>As the guide's command reads it that names no file, where COMPOSE_FILE does.</summary>
    public string FromVariable { get; private set; } = "";

    public JsonObject Services { get; private set; } = [];

    public JsonObject Networks { get; private set; } = [];

    /// <summary>The services that stay, without those that run once.</summary>
    public IEnumerable<KeyValuePair<string, JsonNode?>> Staying => Services.Where(service => service.Key is not ("secrets" or "migrate"));

    public async ValueTask InitializeAsync()
    {
        File.Copy(Repository.PathOf("tests/guide.env.production"), Path.Combine(Root, ".env.production"));
        await Shell.RunAsync(Repository.Root, $"cp -r deploy '{Root}/deploy'");
        FromRoot = await Shell.RunAsync(Root, "docker-compose -f deploy/docker-compose.production.yaml --env-file .env.production config");
        FromDeploy = await Shell.RunAsync(Path.Combine(Root, "deploy"), "docker-compose -f docker-compose.production.yaml config");
        FromVariable = await Shell.RunAsync(Root, "COMPOSE_FILE=deploy/docker-compose.production.yaml docker-compose config");
        var stack = Yaml(FromRoot);
        Services = stack["services"]!.AsObject();
        Networks = stack["networks"]!.AsObject();
    }

    public async ValueTask DisposeAsync() => await _folder.DisposeAsync();

    public static JsonObject Yaml(string text)
    {
        var json = new SerializerBuilder().JsonCompatible().Build();
        return JsonNode.Parse(json.Serialize(new DeserializerBuilder().Build().Deserialize(text)!))!.AsObject();
    }

    public IReadOnlyDictionary<string, string> EnvironmentOf(string service) =>
        Services[service]!["environment"]!.AsObject().ToDictionary(setting => setting.Key, setting => setting.Value?.ToString() ?? "");

    public IEnumerable<string> WordsOf(string service, string list) =>
        Services[service]![list] is JsonArray words ? words.Select(word => word!.ToString()) : [];

    public IEnumerable<string> NetworksOf(string service) =>
        Services[service]!["networks"] is JsonObject networks ? networks.Select(network => network.Key) : [];

    /// <summary>The file or folder of this repository that a service finds at a path.</summary>
    public string Mounted(string service, string path) =>
        WordsOf(service, "volumes").Select(volume => volume.Split(':')).Single(parts => parts[1] == path)[0];
}
