namespace Tienda.ApiTests;

/// <summary>Tells what a test has measured, beside whether it passed, into the file that <c>TEST_REPORT</c> names.</summary>
public static class TestReport
{
    private static readonly Lock Gate = new();

    public static void Tell(string measured)
    {
        if (Environment.GetEnvironmentVariables()["TEST_REPORT"] is string report)
        {
            lock (Gate)
            {
                File.AppendAllText(report, measured + "\n");
            }
        }
    }
}
