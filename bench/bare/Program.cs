// The limit that the cache is measured against: Kestrel alone, which answers every request with the same bytes.
// bare PORT FILE, where FILE is an answer as curl -i prints it.

var answer = File.ReadAllBytes(args[1]);
var end = answer.AsSpan().IndexOf("\r\n\r\n"u8);
var body = answer[(end + 4)..];
// Kestrel writes these itself.
string[] own = ["Date", "Content-Length"];
var headers = System.Text.Encoding.Latin1.GetString(answer, 0, end).Split("\r\n")[1..]
    .Select(line => line.Split(": ", 2))
    .Where(header => !own.Contains(header[0]))
    .ToDictionary(header => header[0], header => header[1]);

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(server => server.AddServerHeader = false).UseUrls($"http://127.0.0.1:{args[0]}");
var app = builder.Build();
app.Run(context =>
{
    foreach (var (name, value) in headers)
    {
        context.Response.Headers[name] = value;
    }

    context.Response.ContentLength = body.Length;
    return context.Response.Body.WriteAsync(body).AsTask();
});
app.Run();
