using System.Net;
using System.Net.Http.Headers;
using Tienda.Hosting;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Inspection;

/// <summary>The shop does not answer now, and may in a moment.</summary>
public sealed class ShopAwayException(string message) : Exception(message);

/// <summary>What a shop has answered.</summary>
public sealed record ShopAnswer(HttpStatusCode Status, string Body, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders)
{
    /// <summary>The value of a header, several between commas, or null.</summary>
    public string? Header(string name) =>
        Headers.TryGetValues(name, out var values) || ContentHeaders.TryGetValues(name, out values) ? string.Join(", ", values) : null;
}

/// <summary>Talks to a running shop as its administrator.</summary>
public sealed class ShopClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // Nowhere else than where it was asked to go: the key would go along.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Patience };
    private readonly string? _key;

    /// <param name="key">The administrator's, or null for none.</param>
    public ShopClient(Uri url, string? key) => (Url, _key) = (url, key);

    public Uri Url { get; }

    /// <summary>The address of a command's argument, or of the shop that the settings would open here.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static Uri Address(string? url, Settings settings)
    {
        if (url is null)
        {
            var host = settings.Host is "0.0.0.0" or "::" ? "127.0.0.1" : settings.Host;
            return new UriBuilder(Uri.UriSchemeHttp, host, settings.Port).Uri;
        }

        return Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new CommandException($"{url} is no address of a shop: accepted is http://HOST:PORT or https://HOST.");
    }

    /// <summary>The administrator's key: from a file, if one was named, or from the settings.</summary>
    /// <exception cref="CommandException">The file cannot be read.</exception>
    public static string? Key(string? file, Settings settings)
    {
        try
        {
            return file is null ? settings.AdminApiKey : File.ReadAllText(file).Trim();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"The key cannot be read from {file}: {unreadable.Message}");
        }
    }

    /// <exception cref="ShopAwayException">Nobody answers.</exception>
    public async Task<ShopAnswer> GetAsync(string path, bool asAdministrator, CancellationToken ct, string? encoding = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Url, path));
        if (asAdministrator && _key is not null)
        {
            request.Headers.TryAddWithoutValidation(ApiKeyAuthentication.Header, _key);
        }

        if (encoding is not null)
        {
            request.Headers.AcceptEncoding.ParseAdd(encoding);
        }

        try
        {
            using var answer = await _http.SendAsync(request, ct);
            return new ShopAnswer(answer.StatusCode, await answer.Content.ReadAsStringAsync(ct), answer.Headers, answer.Content.Headers);
        }
        catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException && !ct.IsCancellationRequested)
        {
            throw new ShopAwayException($"{Url} does not answer: {(silent is TaskCanceledException ? "not within 5 s" : silent.Message)}");
        }
    }

    /// <summary>Reads the figures of the shop.</summary>
    /// <exception cref="ShopAwayException">Nobody answers, or somebody that has no figures for the moment.</exception>
    /// <exception cref="CommandException">They are not shown to whoever asks; another try would not change that.</exception>
    public async Task<Scrape> ScrapeAsync(CancellationToken ct)
    {
        var answer = await GetAsync("/metrics", asAdministrator: true, ct);
        return answer.Status switch
        {
            HttpStatusCode.OK => Scrape.Read(answer.Body),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => throw new CommandException(
                $"{Url} shows its figures to administrators only. ADMIN_API_KEY of the settings, or a file named by --key-file, "
                + $"has to be the key of that shop{(_key is null ? "; there is none" : "")}."),
            HttpStatusCode.NotFound => throw new CommandException(
                $"{Url} has no /metrics: nginx does not pass it on. Ask the shop itself, at its own port."),
            var other => throw new ShopAwayException($"{Url} answers {(int)other}."),
        };
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>The figures of a shop at one moment.</summary>
public sealed class Scrape
{
    private readonly Dictionary<string, double> _values = [];

    private Scrape(IReadOnlyList<MetricSample> samples)
    {
        Samples = samples;
        foreach (var sample in samples)
        {
            _values[sample.Series] = sample.Value;
        }
    }

    public IReadOnlyList<MetricSample> Samples { get; }

    public TimeSpan Time { get; } = TimeSpan.FromMilliseconds(Environment.TickCount64);

    /// <exception cref="ShopAwayException">It is no page of figures.</exception>
    public static Scrape Read(string page)
    {
        try
        {
            return new Scrape(MetricSample.ReadAll(page));
        }
        catch (FormatException none)
        {
            throw new ShopAwayException($"The page of figures cannot be read: {none.Message}");
        }
    }

    public IEnumerable<MetricSample> Named(string name) => Samples.Where(sample => sample.Name == name);

    /// <summary>By how much a counter has grown since another look. One that is smaller has begun anew, as after a restart.</summary>
    public static double Increase(MetricSample now, Scrape? before) =>
        before is not null && before._values.TryGetValue(now.Series, out var then) && then <= now.Value ? now.Value - then : now.Value;
}
