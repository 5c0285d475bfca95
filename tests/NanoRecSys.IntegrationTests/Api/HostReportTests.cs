namespace NanoRecSys.IntegrationTests.Api;

public sealed class HostReportTests
{
    private const string Key = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    [Fact]
    public async Task Secrets_of_the_settings_are_not_revealed()
    {
        using var folder = new TemporaryFolder();
        var store = new ArtifactStore(folder.Path);
        new RandomModel(81).Publish(store);
        await using ApiServer api = await ApiServer.StartAsync(
            store, "redis.invalid:6380,ssl=true,user=cook,password=s3cret,abortConnect=false",
            ("Security:AdminKeys:0", Key), ("OTEL_EXPORTER_OTLP_HEADERS", "x-otlp-api-key=s3cret"), ("Some:Other:Password", "s3cret"), ("Api:WriteKey", "s3cret"),
            ("ASPIRE_DASHBOARD_URL", "http://cook:s3cret@localhost:18888/"));

        JsonElement host = await api.GetAsync("/debug/host");

        string text = host.GetRawText();
        Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
        Assert.DoesNotContain("cook", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, text, StringComparison.Ordinal);
        Assert.Equal("redis.invalid:6380, encrypted, with a password", Setting(host, "ConnectionStrings:cache"));
        Assert.Equal("1 set", Setting(host, "Security:AdminKeys"));
        Assert.Equal("set", Setting(host, "Api:WriteKey"));
        Assert.Equal("http://localhost:18888/", Setting(host, "ASPIRE_DASHBOARD_URL"));
        Assert.Equal("100", Setting(host, "Recommendations:Candidates"));
    }

    private static string? Setting(JsonElement host, string name) =>
        host.GetProperty("settings").EnumerateArray().Single(setting => setting.Text("name") == name).Text("value");
}
