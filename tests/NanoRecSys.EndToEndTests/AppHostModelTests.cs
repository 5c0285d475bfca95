using System.Net.Http.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace NanoRecSys.EndToEndTests;

/// <summary>The AppHost's resources and their configuration in Aspire's model, and stacks started through it.</summary>
public sealed class AppHostModelTests(FirstStart start)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Services_get_the_cache_the_artifacts_and_each_others_addresses()
    {
        using TemporaryFolder artifacts = new();
        await using IDistributedApplicationTestingBuilder builder = await CreateAsync("--artifacts", artifacts.Path);

        Assert.Equal(
            ["api", "cache", "training", "web"],
            builder.Resources.OfType<ProjectResource>().Select(resource => resource.Name).Where(name => !name.Contains("rebuilder", StringComparison.Ordinal)).Order());
        var cache = (IResourceWithConnectionString)Resource(builder, "cache");
        Assert.Equal("{cache.bindings.tcp.host}:{cache.bindings.tcp.port},password={cache-password.value}", cache.ConnectionStringExpression.ValueExpression);
        Assert.Equal(["cache"], WaitsFor(builder, "api"));
        Assert.Empty(WaitsFor(builder, "web")); // it shows the progress of the others
        Assert.Empty(WaitsFor(builder, "training"));
        Assert.All(new[] { "cache", "api", "web" }, name => Assert.Single(Resource(builder, name).Annotations.OfType<HealthCheckAnnotation>()));
    }

    [Fact]
    public async Task A_training_starts_automatically_only_without_a_model()
    {
        using TemporaryFolder artifacts = new();
        await using (IDistributedApplicationTestingBuilder empty = await CreateAsync("--artifacts", artifacts.Path, "--preset", "auto", "--data", "ml-1m"))
        {
            Assert.Empty(Resource(empty, "training").Annotations.OfType<ExplicitStartupAnnotation>());
            Assert.Equal(
                ["run", "--preset", "auto", "--data", "ml-1m", "--artifacts", artifacts.Path, "--if-no-model"],
                await ArgumentsAsync(Resource(empty, "training")));
        }

        await File.WriteAllTextAsync(artifacts.File("current"), "0123456789ab\n", _cancellation);
        await using IDistributedApplicationTestingBuilder full = await CreateAsync("--artifacts", artifacts.Path);
        Assert.Single(Resource(full, "training").Annotations.OfType<ExplicitStartupAnnotation>());
        Assert.DoesNotContain("--if-no-model", await ArgumentsAsync(Resource(full, "training")));
    }

    [Theory]
    [InlineData("0 3 * * *", "--schedule")]
    [InlineData("5000", "--after-events")]
    public async Task Retraining_is_a_separate_resource_that_reads_the_caches_events(string when, string option)
    {
        using TemporaryFolder artifacts = new();
        await using IDistributedApplicationTestingBuilder builder = await CreateAsync("--artifacts", artifacts.Path, "--retrain", when);

        Assert.Equal(
            ["watch", option, when, "--preset", "quick", "--data", "small", "--artifacts", artifacts.Path], await ArgumentsAsync(Resource(builder, "retraining")));
        Assert.Equal(["cache"], WaitsFor(builder, "retraining"));
    }

    [Fact]
    public async Task A_Redis_container_keeps_acknowledged_writes_and_evicts_only_answers()
    {
        using TemporaryFolder artifacts = new();
        await using IDistributedApplicationTestingBuilder builder = await CreateAsync("--artifacts", artifacts.Path, "--cache", "redis");

        IResource redis = Resource(builder, "cache");
        Assert.IsType<RedisResource>(redis);
        Assert.Single(redis.Annotations.OfType<ContainerMountAnnotation>(), mount => mount is { Type: ContainerMountType.Volume, Target: "/data" });
        Assert.Equal(
            ["--dir", "/data", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru"],
            (await ArgumentsAsync(redis)).TakeLast(8));
        Assert.Equal(["cache"], WaitsFor(builder, "api"));
    }

    [Fact]
    public async Task A_started_stack_recommends_and_a_service_stopped_on_purpose_stays_stopped()
    {
        BuiltStack.RequireBrowser();
        await using IDistributedApplicationTestingBuilder builder = await CreateAsync("--artifacts", start.Artifacts);
        builder.Services.AddLogging(logging => logging.ClearProviders()); // health checks log failures until a service listens
        await using DistributedApplication app = await builder.BuildAsync(_cancellation);
        await app.StartAsync(_cancellation).WaitAsync(Timeout, _cancellation);
        foreach (string service in new[] { "cache", "api", "web" })
        {
            await app.ResourceNotifications.WaitForResourceHealthyAsync(service, _cancellation).WaitAsync(Timeout, _cancellation);
        }

        using HttpClient api = app.CreateHttpClient("api");
        using HttpResponseMessage response = await api.PostAsJsonAsync("/recommend", new { user_id = 1 }, _cancellation);
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>(_cancellation);
        Assert.Equal(("live", 10), (answer.GetProperty("mode").GetString(), answer.GetProperty("movie_ids").GetArrayLength()));

        ResourceCommandService commands = app.Services.GetRequiredService<ResourceCommandService>();
        Assert.True((await commands.ExecuteCommandAsync("web", KnownResourceCommands.StopCommand, _cancellation)).Success);
        await app.ResourceNotifications.WaitForResourceAsync("web", KnownResourceStates.TerminalStates, _cancellation).WaitAsync(Timeout, _cancellation);
        await Task.Delay(TimeSpan.FromSeconds(3), _cancellation); // a restart would come after one second
        Assert.True(app.ResourceNotifications.TryGetCurrentState("web", out ResourceEvent? web));
        Assert.Contains(web.Snapshot.State?.Text, KnownResourceStates.TerminalStates);
        await app.StopAsync(_cancellation);
    }

    [Fact]
    public async Task An_event_in_the_Redis_container_survives_a_kill_and_a_shutdown_of_the_stack()
    {
        BuiltStack.RequireBrowser();
        ContainerEngine engine = await ContainerEngine.FindAsync(_cancellation);
        string volume = $"nanorecsys-test-{Guid.NewGuid():N}";
        try
        {
            await using (DistributedApplication app = await StartWithRedisAsync(engine, volume))
            {
                using HttpClient api = app.CreateHttpClient("api");
                (await api.PostAsJsonAsync("/events", new { user_id = 4_243, movie_id = 1 }, _cancellation)).EnsureSuccessStatusCode();
                await engine.RunAsync(_cancellation, "kill", (await engine.RunAsync(_cancellation, "ps", "--quiet", "--filter", $"volume={volume}")).Trim());
                await app.ResourceNotifications.WaitForResourceAsync("cache", change => change.Snapshot.State?.Text != KnownResourceStates.Running, _cancellation).WaitAsync(Timeout, _cancellation);
                await app.ResourceNotifications.WaitForResourceHealthyAsync("cache", WaitBehavior.WaitOnResourceUnavailable, _cancellation).WaitAsync(Timeout, _cancellation);
            }

            await using DistributedApplication next = await StartWithRedisAsync(engine, volume);
            using HttpClient client = next.CreateHttpClient("api");
            JsonElement history = await client.GetFromJsonAsync<JsonElement>("/users/4243/history", _cancellation);
            Assert.Equal(1, history.GetProperty("total").GetInt32());
        }
        finally
        {
            await engine.RunAsync(CancellationToken.None, "volume", "rm", "--force", volume);
        }
    }

    // On a separate volume: the default one holds the developer's data.
    private async Task<DistributedApplication> StartWithRedisAsync(ContainerEngine engine, string volume)
    {
        IDistributedApplicationTestingBuilder builder = await CreateAsync("--artifacts", start.Artifacts, "--cache", "redis");
        builder.Services.AddLogging(logging => logging.ClearProviders());
        builder.Configuration["DcpPublisher:ContainerRuntime"] = engine.Name;
        IResource redis = Resource(builder, "cache");
        ContainerImageAnnotation image = redis.Annotations.OfType<ContainerImageAnnotation>().Last();
        await engine.RequireImageAsync($"{image.Registry}/{image.Image}:{image.Tag}", _cancellation);
        redis.Annotations.Remove(redis.Annotations.OfType<ContainerMountAnnotation>().Single());
        redis.Annotations.Add(new ContainerMountAnnotation(volume, "/data", ContainerMountType.Volume, isReadOnly: false));
        DistributedApplication app = await builder.BuildAsync(_cancellation);
        await app.StartAsync(_cancellation).WaitAsync(Timeout, _cancellation);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("api", _cancellation).WaitAsync(Timeout, _cancellation);
        return app;
    }

    private static Task<IDistributedApplicationTestingBuilder> CreateAsync(params string[] options) =>
        DistributedApplicationTestingBuilder.CreateAsync<Projects.NanoRecSys_AppHost>(
            ["--web-port", "0", "--api-port", "0", "--cache-port", "0", .. options], TestContext.Current.CancellationToken);

    private static IResource Resource(IDistributedApplicationTestingBuilder builder, string name) => builder.Resources.Single(resource => resource.Name == name);

    private static IEnumerable<string> WaitsFor(IDistributedApplicationTestingBuilder builder, string name) =>
        Resource(builder, name).Annotations.OfType<WaitAnnotation>().Select(wait => wait.Resource.Name);

    private static async Task<string[]> ArgumentsAsync(IResource resource)
    {
        List<object> arguments = [];
        CommandLineArgsCallbackContext context = new(arguments, resource, TestContext.Current.CancellationToken)
        {
            ExecutionContext = new DistributedApplicationExecutionContext(DistributedApplicationOperation.Run),
        };
        foreach (CommandLineArgsCallbackAnnotation annotation in resource.Annotations.OfType<CommandLineArgsCallbackAnnotation>())
        {
            await annotation.Callback(context);
        }

        return [.. arguments.Select(argument => argument.ToString()!)];
    }
}
