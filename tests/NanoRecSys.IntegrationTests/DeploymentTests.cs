using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using YamlDotNet.RepresentationModel;

namespace NanoRecSys.IntegrationTests;

/// <summary>Checks the files in <c>deploy</c> against the types of the Kubernetes API and what the services really have.</summary>
public sealed partial class DeploymentTests
{
    private static readonly string Folder = Path.Combine(RepositoryFolder.Root, "deploy");

    /// <summary>Settings that the services read; each is documented in docs/operations.md or by the framework.</summary>
    private static readonly string[] Settings =
    [
        "ASPNETCORE_HTTP_PORTS", "Artifacts__Path", "ConnectionStrings__cache", "OTEL_SERVICE_NAME", "REDIS_PASSWORD", "CACHE",
        "Server__DrainDelay", "Telemetry__Prometheus", "services__api__http__0",
    ];

    [GeneratedRegex(@"\b(?:nanorecsys|http_server|dotnet)_[a-z_]+")]
    private static partial Regex MetricName();

    [Fact]
    public async Task Every_file_of_the_kustomization_holds_objects_of_the_Kubernetes_API()
    {
        var kustomization = (YamlMappingNode)Yaml("kubernetes/kustomization.yaml");
        string[] files = [.. ((YamlSequenceNode)kustomization["resources"]).Children.Select(node => node.ToString())];

        Assert.Equal(
            files.Append("kustomization.yaml").Order(StringComparer.Ordinal),
            Directory.GetFiles(Path.Combine(Folder, "kubernetes"), "*.yaml").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        List<object> objects = await ObjectsAsync(files);
        Assert.Equal(
            ["CronJob", "Deployment", "Deployment", "HorizontalPodAutoscaler", "Namespace", "PersistentVolumeClaim", "PodDisruptionBudget", "Service", "Service", "Service", "StatefulSet"],
            objects.Cast<IKubernetesObject>().Select(one => one.Kind).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Pods_have_working_probes_run_without_root_and_finish_their_requests()
    {
        List<object> objects = await ObjectsAsync("api.yaml", "web.yaml", "training.yaml", "cache.yaml");
        V1PodSpec[] pods =
        [
            .. objects.OfType<V1Deployment>().Select(one => one.Spec.Template.Spec), .. objects.OfType<V1StatefulSet>().Select(one => one.Spec.Template.Spec),
            .. objects.OfType<V1CronJob>().Select(one => one.Spec.JobTemplate.Spec.Template.Spec),
        ];
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(951));

        Assert.Equal(4, pods.Length);
        Assert.All(pods, pod => Assert.True(pod.SecurityContext.RunAsNonRoot));
        Assert.All(pods.SelectMany(pod => pod.Containers), container =>
        {
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            Assert.Contains("memory", container.Resources.Limits.Keys);
            Assert.Subset(Settings.ToHashSet(), (container.Env ?? []).Select(variable => variable.Name).ToHashSet());
        });
        V1Container served = pods[0].Containers.Single();
        foreach (V1Probe probe in new[] { served.StartupProbe, served.LivenessProbe, served.ReadinessProbe })
        {
            using HttpResponseMessage answer = await api.FetchAsync(probe.HttpGet.Path);
            Assert.True(answer.IsSuccessStatusCode, probe.HttpGet.Path);
        }

        TimeSpan drain = TimeSpan.Parse(served.Env.Single(variable => variable.Name == "Server__DrainDelay").Value, null) + TimeSpan.FromSeconds(5); // the default of Server:DrainTimeout
        Assert.True(pods[0].TerminationGracePeriodSeconds > drain.TotalSeconds);
    }

    [Fact]
    public void The_compose_file_sets_only_settings_that_services_read_and_local_ports()
    {
        var services = (YamlMappingNode)((YamlMappingNode)Yaml("compose.yaml"))["services"];

        Assert.Equal(["api", "artifacts-owner", "cache", "training", "web"], services.Children.Keys.Select(key => key.ToString()).Order(StringComparer.Ordinal));
        foreach (YamlMappingNode service in services.Children.Values.Cast<YamlMappingNode>())
        {
            IEnumerable<string> set = service.Children.TryGetValue("environment", out YamlNode? environment)
                ? ((YamlMappingNode)environment).Children.Keys.Select(key => key.ToString()) : [];
            Assert.Subset(Settings.ToHashSet(), set.ToHashSet());
            IEnumerable<YamlNode> ports = service.Children.TryGetValue("ports", out YamlNode? list) ? ((YamlSequenceNode)list).Children : [];
            Assert.All(ports, port => Assert.StartsWith("127.0.0.1:", port.ToString(), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Alerts_and_dashboard_use_metrics_that_the_API_exports()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(
            new RandomModel(952), cache.ConnectionString, ("Telemetry:Prometheus", "true"), ("Overload:Concurrency", "1"), ("Overload:QueueLimit", "0"));
        string[] used = [.. MetricName().Matches(File.ReadAllText(Path.Combine(Folder, "alerts.yaml")) + DashboardExpressions())
            .Select(match => match.Value).Distinct().Order(StringComparer.Ordinal)];
        Assert.Contains("nanorecsys_compute_shed_total", used);

        // A metric without measurements is not exported: one request is computed, one is shed.
        await api.PostAsync("/recommend", """{"user_id": 11, "k": 1}""");
        using (await api.Limiter.EnterAsync())
        {
            await api.PostAsync("/recommend", """{"user_id": 11, "k": 2}""");
        }

        using HttpResponseMessage response = await api.FetchAsync("/metrics");
        string metrics = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.All(used, name => Assert.Contains($"\n{name}{{", metrics, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Metrics_require_a_key_where_reading_does_and_are_off_by_default()
    {
        await using ApiServer off = await ApiServer.StartAsync(new RandomModel(953));
        await using ApiServer locked = await ApiServer.StartAsync(new RandomModel(954), null, ("Telemetry:Prometheus", "true"), ("Security:ReadKeys:0", new string('a', 64)));

        using HttpResponseMessage absent = await off.FetchAsync("/metrics");
        using HttpResponseMessage refused = await locked.FetchAsync("/metrics");

        Assert.Equal(System.Net.HttpStatusCode.NotFound, absent.StatusCode);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    private static string DashboardExpressions()
    {
        using JsonDocument dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "grafana-dashboard.json")));
        return string.Join('\n', dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray().Select(target => target.GetProperty("expr").GetString())));
    }

    private static YamlNode Yaml(string file)
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Path.Combine(Folder, file));
        stream.Load(new YamlDotNet.Core.MergingParser(new YamlDotNet.Core.Parser(reader)));
        return stream.Documents[0].RootNode;
    }

    private static async Task<List<object>> ObjectsAsync(params string[] files)
    {
        var objects = new List<object>();
        foreach (string file in files)
        {
            string text = await File.ReadAllTextAsync(Path.Combine(Folder, "kubernetes", file), TestContext.Current.CancellationToken);
            objects.AddRange(KubernetesYaml.LoadAllFromString(text, strict: true));
        }

        return objects;
    }
}
