using System.Runtime.InteropServices;

/// <summary>
/// Lets a program of the tests end as no test can make it end from outside. .NET calls it in a process that has this library in
/// DOTNET_STARTUP_HOOKS, and wants it to have this name and no namespace.
/// </summary>
#pragma warning disable CA1050
internal static class StartupHook
#pragma warning restore CA1050
{
    /// <summary>SIGUSR1: an exception that nobody catches.</summary>
    public const int Crash = 10;

    /// <summary>SIGUSR2: the end, in the middle of everything.</summary>
    public const int Exit = 12;

    private static readonly List<PosixSignalRegistration> Signals = [];

    public static void Initialize()
    {
        Signals.Add(PosixSignalRegistration.Create((PosixSignal)Crash, _ => throw new InvalidOperationException("The test wants a crash.")));
        Signals.Add(PosixSignalRegistration.Create((PosixSignal)Exit, _ => Environment.Exit(3)));
    }
}
