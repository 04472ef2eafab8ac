using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Telemetry;

/// <summary>The files for Prometheus and Grafana, without a shop.</summary>
public sealed partial class AlertRuleTests
{
    private static string Rules => File.ReadAllText(Repository.PathOf("deploy/prometheus/rules/tienda.yaml"));

    private static JsonArray Panels => JsonNode.Parse(
        File.ReadAllText(Repository.PathOf("deploy/grafana/dashboards/tienda.json")))!["panels"]!.AsArray();

    [Fact]
    public async Task Each_alert_fires_when_it_should_and_not_otherwise()
    {
        var folder = Repository.PathOf("deploy/prometheus");
        await Shell.RunAsync(folder, "promtool check rules rules/*.yaml");
        await Shell.RunAsync(folder, "promtool test rules tests/*.yaml");
        Assert.All(
            Alert().Matches(Rules).Select(alert => alert.Groups[1].Value),
            name => Assert.Contains(
                $"alertname=\"{name}\"",
                string.Concat(Directory.GetFiles(Path.Combine(folder, "tests")).Select(File.ReadAllText)),
                StringComparison.Ordinal));
    }

    [Fact]
    public void Each_alert_is_explained_and_points_there()
    {
        var alerts = Alert().Matches(Rules).Select(alert => alert.Groups[1].Value).Distinct().Order().ToList();
        var explained = File.ReadLines(Repository.PathOf("docs/alerts.md"))
            .Where(line => line.StartsWith("### Tienda", StringComparison.Ordinal)).Select(line => line[4..]).Order();

        Assert.NotEmpty(alerts);
        Assert.Equal(alerts, explained);
        Assert.Equal(
            alerts.Select(name => $"docs/alerts.md#{name.ToLowerInvariant()}"),
            Runbook().Matches(Rules).Select(runbook => runbook.Groups[1].Value).Order());
    }

    [Fact]
    public void Each_target_of_the_guide_has_an_alert_for_its_objective_and_one_for_its_critical_value()
    {
        var alerts = Alert().Matches(Rules).Select(alert => $"{alert.Groups[1].Value} {alert.Groups[3].Value}: {alert.Groups[2].Value}").ToList();
        Assert.All(
            [
                ("TiendaManyUsers", "> 400", "> 500"),
                ("TiendaThroughputLow", "< 100", "< 80"),
                ("TiendaSlowP95", "> 0.2 ", "> 0.5 "),
                ("TiendaSlowP50", "> 0.1 ", "> 0.2 "),
                ("TiendaErrors", "> 0.01", "> 0.05"),
                ("TiendaHitRateLow", "< 0.7", "< 0.5"),
                ("TiendaPoolFull", "> 0.7", "> 0.9"),
            ],
            target =>
            {
                var (name, objective, critical) = target;
                Assert.Contains(objective, alerts.Single(alert => alert.StartsWith($"{name} warning: ", StringComparison.Ordinal)) + " ", StringComparison.Ordinal);
                Assert.Contains(critical, alerts.Single(alert => alert.StartsWith($"{name} critical: ", StringComparison.Ordinal)) + " ", StringComparison.Ordinal);
            });
    }

    [Fact]
    public void No_panel_of_the_dashboard_lies_on_another_and_all_ask_the_Prometheus_that_is_provisioned()
    {
        var source = (string?)ComposedShop.Yaml(
            File.ReadAllText(Repository.PathOf("deploy/grafana/provisioning/datasources/prometheus.yaml")))["datasources"]![0]!["uid"];
        Assert.Equal(Panels.Count, Panels.Select(panel => (int)panel!["id"]!).Distinct().Count());
        Assert.All(Panels.Where(panel => (string?)panel!["type"] != "row"), panel =>
        {
            Assert.Equal(source, (string?)panel!["datasource"]!["uid"]);
            Assert.All(panel["targets"]!.AsArray(), target => Assert.Equal(source, (string?)target!["datasource"]!["uid"]));
        });

        var places = Panels.Select(panel => panel!["gridPos"]!)
            .SelectMany(place => Enumerable.Range((int)place["x"]!, (int)place["w"]!)
                .SelectMany(x => Enumerable.Range((int)place["y"]!, (int)place["h"]!).Select(y => (x, y))))
            .ToList();
        Assert.All(places, place => Assert.InRange(place.x, 0, 23));
        Assert.Equal(places.Count, places.Distinct().Count());
    }

    [GeneratedRegex(@"- alert: (\w+)\n +expr: (.+)\n(?: +for: .+\n)? +labels: \{severity: (\w+)\}")]
    private static partial Regex Alert();

    [GeneratedRegex(@"runbook: (\S+)")]
    private static partial Regex Runbook();
}
