using System.Text;
using System.Text.Json.Nodes;
using Npgsql;

namespace Tienda.ApiTests;

/// <summary>How PostgreSQL ran the statements of a database, as its auto_explain writes it to the server's log.</summary>
public sealed class PlanLog(TestPostgres postgres)
{
    private int _read;

    /// <summary>Has every statement explained on connections that are opened from now on.</summary>
    public static async Task BeginAsync(NpgsqlDataSource database, string name)
    {
        foreach (var setting in new[]
        {
            "session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on",
            "auto_explain.log_timing = off", "auto_explain.log_format = 'json'",
        })
        {
            await using var command = database.CreateCommand($"ALTER DATABASE {name} SET {setting}");
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>What was run since the last time, of the questions whose name begins so.</summary>
    public List<RunPlan> Take(string name)
    {
        var log = postgres.Log;
        var news = log[_read..];
        _read = log.Length;
        var plans = new List<RunPlan>();
        var lines = news.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].EndsWith("plan:", StringComparison.Ordinal))
            {
                continue;
            }

            var json = new StringBuilder();
            while (i + 1 < lines.Length && lines[i + 1].StartsWith('\t'))
            {
                json.Append(lines[++i]);
            }

            var entry = JsonNode.Parse(json.ToString())!;
            if (((string)entry["Query Text"]!).StartsWith($"/* {name}", StringComparison.Ordinal))
            {
                plans.Add(new RunPlan((string)entry["Query Text"]!, entry["Plan"]!));
            }
        }

        return plans;
    }
}

/// <summary>A statement that was run, and what each step of it really did.</summary>
public sealed record RunPlan(string Sql, JsonNode Plan)
{
    private IEnumerable<JsonNode> Steps => Below(Plan);

    /// <summary>The steps that read a table from its beginning to its end.</summary>
    public IEnumerable<string> SequentialScans(string table) =>
        Steps.Where(s => (string?)s["Node Type"] == "Seq Scan" && (string?)s["Relation Name"] == table).Select(s => (string)s["Relation Name"]!);

    /// <summary>The most rows that a step has put in order.</summary>
    public double Sorted => Steps
        .Where(s => (string?)s["Node Type"] is "Sort" or "Incremental Sort")
        .Select(s => s["Plans"]!.AsArray().Sum(child => Rows(child!, "Actual Rows")))
        .DefaultIfEmpty().Max();

    /// <summary>How many rows of a table were looked at, whether they belonged into the answer or not; what is fetched by its place was.</summary>
    public double Visited(string table) => Steps
        .Where(s => (string?)s["Relation Name"] == table && (string?)s["Node Type"] != "Tid Scan")
        .Sum(s => Rows(s, "Actual Rows") + Rows(s, "Rows Removed by Filter") + Rows(s, "Rows Removed by Index Recheck"));

    public override string ToString() => $"{Sql}\n{string.Join('\n', Steps.Select(Told))}";

    private static string Told(JsonNode step) =>
        $"  {step["Node Type"]} {step["CTE Name"] ?? step["Index Name"] ?? step["Relation Name"]}: "
        + $"{Rows(step, "Actual Rows")} rows, {Rows(step, "Rows Removed by Filter")} passed over, {step["Actual Loops"]} times";

    // They are given for one run of the step.
    private static double Rows(JsonNode step, string which) => ((double?)step[which] ?? 0) * ((double?)step["Actual Loops"] ?? 1);

    private static IEnumerable<JsonNode> Below(JsonNode step) =>
        (step["Plans"]?.AsArray() ?? []).SelectMany(child => Below(child!)).Prepend(step);
}
