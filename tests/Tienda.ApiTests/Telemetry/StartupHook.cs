using System.Runtime.InteropServices;

/// <summary>
/// Lets a shop in a process of its own answer some requests and end in the next moment, faster than any test could from outside. .NET calls
/// it in a process that has this library in DOTNET_STARTUP_HOOKS, and wants it to have this name and no namespace.
/// </summary>
#pragma warning disable CA1050
internal static class StartupHook
#pragma warning restore CA1050
{
    /// <summary>Requests that are sent before the end, under the ids last-0, last-1 and so on.</summary>
    public const int Requests = 20;

    /// <summary>In the working folder: the address of the shop.</summary>
    public const string Address = "address-of-the-shop";

    /// <summary>SIGUSR1: an exception that nobody catches.</summary>
    private const int Crash = 10;

    /// <summary>SIGUSR2: an end in the middle of everything.</summary>
    private const int Exit = 12;

    private static readonly List<PosixSignalRegistration> Signals = [];

    public static void Initialize()
    {
        Signals.Add(PosixSignalRegistration.Create((PosixSignal)Crash, _ => AnswerAnd(() => throw new InvalidOperationException("A crash."))));
        Signals.Add(PosixSignalRegistration.Create((PosixSignal)Exit, _ => AnswerAnd(() => Environment.Exit(3))));
    }

    private static void AnswerAnd(Action end)
    {
        using var http = new HttpClient { BaseAddress = new Uri(File.ReadAllText(Address)) };
        for (var i = 0; i < Requests; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/products?limit=1");
            request.Headers.Add("X-Request-ID", $"last-{i}");
            using var response = http.Send(request);
        }

        end();
    }
}
