// The limit that the shop is measured against: Kestrel alone, which answers every request with the same bytes.
// bare PORT FILE [PATH FILE]..., where FILE is an answer as curl -i prints it; what begins with PATH is answered with the file behind it.

var byPath = args[2..].Chunk(2).Select(pair => (Path: pair[0], Answer: Answer.Read(pair[1]))).ToArray();
var usual = Answer.Read(args[1]);

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(server => server.AddServerHeader = false).UseUrls($"http://127.0.0.1:{args[0]}");
var app = builder.Build();
app.Run(context =>
{
    var answer = usual;
    foreach (var (path, other) in byPath)
    {
        if (context.Request.Path.Value!.StartsWith(path, StringComparison.Ordinal))
        {
            answer = other;
            break;
        }
    }

    return answer.WriteAsync(context.Response);
});
app.Run();

/// <summary>Bytes that were recorded.</summary>
internal sealed record Answer(int Status, Dictionary<string, string> Headers, byte[] Body)
{
    // Kestrel writes these itself.
    private static readonly string[] Own = ["Date", "Content-Length", "Transfer-Encoding"];

    public static Answer Read(string file)
    {
        var answer = File.ReadAllBytes(file);
        var end = answer.AsSpan().IndexOf("\r\n\r\n"u8);
        var lines = System.Text.Encoding.Latin1.GetString(answer, 0, end).Split("\r\n");
        var headers = lines[1..].Select(line => line.Split(": ", 2)).Where(header => !Own.Contains(header[0]));
        var status = int.Parse(lines[0].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        return new Answer(status, headers.ToDictionary(header => header[0], header => header[1]), answer[(end + 4)..]);
    }

    public Task WriteAsync(HttpResponse response)
    {
        response.StatusCode = Status;
        foreach (var (name, value) in Headers)
        {
            response.Headers[name] = value;
        }

        response.ContentLength = Body.Length;
        return response.Body.WriteAsync(Body).AsTask();
    }
}
