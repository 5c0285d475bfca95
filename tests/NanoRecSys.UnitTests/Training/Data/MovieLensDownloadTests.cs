using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class MovieLensDownloadTests : FolderTests
{
    private static readonly byte[] Archive = Zip("1::10::5::1\n1::11::4::2\n1::12::3::3\n");
    private readonly HttpClient _http = new();

    private string Part => Folder.File("ml-1m.zip.part");

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    [Fact]
    public async Task A_set_is_downloaded_verified_and_unpacked_and_its_archive_deleted()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        var progress = new Collected<ProgressEvent>();

        string folder = await FetchAsync(server, progress);

        Assert.Equal(3, File.ReadLines(Path.Combine(folder, "ratings.dat")).Count());
        Assert.Equal([folder], Directory.EnumerateFileSystemEntries(Folder.Path));
        Assert.Equal([""], server.Ranges);
        Assert.Contains(progress.Values, report => report.Fraction > 0 && report.Detail!.Contains("MB/s", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // the server sends the whole file again
    public async Task After_a_broken_connection_only_the_rest_is_requested(bool supportsRanges)
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive, supportsRanges);
        server.Breaks = 1;

        Assert.True(MovieLensFiles.AreIn(await FetchAsync(server)));
        Assert.Equal(["", $"bytes={Archive.Length / 2}-"], server.Ranges);
    }

    [Fact]
    public async Task After_an_aborted_run_the_next_one_continues()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        server.Breaks = int.MaxValue;

        await Assert.RefusedAsync(() => FetchAsync(server), "Run the same command again to resume it");
        long downloaded = new FileInfo(Part).Length;
        Assert.InRange(downloaded, 1, Archive.Length - 1);
        server.Breaks = 0;
        server.Ranges.Clear();
        string folder = await FetchAsync(server);

        Assert.Equal([$"bytes={downloaded}-"], server.Ranges);
        Assert.True(MovieLensFiles.AreIn(folder));
    }

    [Theory]
    [InlineData("\"an older edition\"", 3, 1)]
    [InlineData("\"one\"", 3, 2)] // damaged
    [InlineData("\"one\"", 1_000_000, 2)] // longer than the file
    public async Task A_partial_download_of_another_file_is_restarted(string tag, int length, int requests)
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        await File.WriteAllBytesAsync(Part, new byte[length], TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Part + ".tag", tag, TestContext.Current.CancellationToken);

        Assert.True(MovieLensFiles.AreIn(await FetchAsync(server)));
        Assert.Equal([$"bytes={length}-", ""], [.. server.Ranges, .. Enumerable.Repeat("", 2 - requests)]);
    }

    [Fact]
    public async Task A_wrong_checksum_is_an_error_that_names_both_and_leaves_nothing()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        string actual = server.Md5;
        server.Md5 = new string('0', 32);

        await Assert.RefusedAsync(() => FetchAsync(server), $"MD5 {actual}, expected {new string('0', 32)}");
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder.Path));
    }

    [Fact]
    public async Task A_set_that_the_server_does_not_have_is_an_error_at_once()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive, hasArchive: false);

        var error = await Assert.ThrowsAsync<UserErrorException>(() => FetchAsync(server));

        Assert.StartsWith($"{server.Address}ml-1m.zip answers 404 NotFound.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checksum_that_cannot_be_fetched_is_an_error_that_keeps_the_download()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        server.Fault = (".md5", ArchiveServer.Break);

        await Assert.RefusedAsync(() => FetchAsync(server), $"{server.Address}ml-1m.zip.md5 cannot be fetched (", "Run the same command again");
        Assert.Equal(Archive.Length, new FileInfo(Part).Length);
    }

    [Theory]
    [InlineData(".zip.md5")]
    [InlineData(".zip")]
    public async Task A_server_timeout_is_an_error_and_not_a_cancellation(string file)
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        server.Fault = (file, ArchiveServer.Hang);
        _http.Timeout = TimeSpan.FromMilliseconds(300);

        await Assert.RefusedAsync(() => FetchAsync(server), $"{server.Address}ml-1m{file}", "Run the same command again");
    }

    [Fact]
    public async Task Cancelling_a_download_is_not_a_server_error()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        using var cancelled = new CancellationTokenSource();
        server.Fault = (".md5", http =>
        {
            cancelled.Cancel();
            return ArchiveServer.Hang(http);
        }
        );

        var download = new MovieLensDownload(_http, server.Address, Folder.Path);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => download.FetchAsync("ml-1m", new Collected<ProgressEvent>(), cancelled.Token));
    }

    [Fact]
    public async Task An_invalid_archive_is_an_error()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync([1, 2, 3, 4, 5, 6, 7, 8]);

        await Assert.RefusedAsync(() => FetchAsync(server), "is not a complete zip archive");
    }

    [Fact]
    public async Task Prepare_downloads_a_known_name_once()
    {
        await using ArchiveServer server = await ArchiveServer.StartAsync(Archive);
        var options = new PrepareOptions { Data = "ml-1m", DownloadFrom = server.Address };

        DatasetSummary first = await PrepareStep.RunAsync(options, StepContexts.In(Folder.Path, "ml-1m"));
        DatasetSummary second = await PrepareStep.RunAsync(options, StepContexts.In(Folder.Path, "ml-1m"));

        Assert.Equal((first.Source, first.Hash), (second.Source, second.Hash));
        Assert.Single(server.Ranges);
    }

    private Task<string> FetchAsync(ArchiveServer server, IProgress<ProgressEvent>? progress = null) =>
        new MovieLensDownload(_http, server.Address, Folder.Path) { RetryDelay = TimeSpan.Zero }
            .FetchAsync("ml-1m", progress ?? new Collected<ProgressEvent>(), TestContext.Current.CancellationToken);

    // Adds a file of random bytes, so that half of the archive is more than one buffer.
    private static byte[] Zip(string ratings)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create))
        {
            using (var writer = new StreamWriter(archive.CreateEntry("ml-1m/ratings.dat").Open()))
            {
                writer.Write(ratings);
            }

            using Stream noise = archive.CreateEntry("ml-1m/noise").Open();
            noise.Write(RandomNumberGenerator.GetBytes(300_000));
        }

        return buffer.ToArray();
    }
}

/// <summary>A local stand-in for GroupLens' download server, with the faults that a test sets.</summary>
internal sealed class ArchiveServer : IAsyncDisposable
{
    private const string Tag = "\"one\"";

    private readonly byte[] _archive;
    private readonly WebApplication _app;
    private int _breaks;

    private ArchiveServer(byte[] archive)
    {
        _archive = archive;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public bool SupportsRanges { get; init; }

    public required string Md5 { get; set; }

    /// <summary>Number of upcoming downloads that break off halfway.</summary>
    public int Breaks { get => _breaks; set => _breaks = value; }

    public bool HasArchive { get; init; }

    /// <summary>Replaces the answer to requests whose path has this ending.</summary>
    public (string Ending, Func<HttpContext, Task> Answer)? Fault { get; set; }

    /// <summary>Aborts the connection without an answer.</summary>
    public static Task Break(HttpContext http)
    {
        http.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Sends nothing until the client gives up.</summary>
    public static Task Hang(HttpContext http) => Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

    /// <summary>The Range header of each request for the archive; empty if it had none.</summary>
    public List<string> Ranges { get; } = [];

    public Uri Address => new(_app.Urls.Single() + "/");

    public static async Task<ArchiveServer> StartAsync(byte[] archive, bool supportsRanges = true, bool hasArchive = true)
    {
#pragma warning disable CA5351 // MD5 is what the real server publishes.
        var server = new ArchiveServer(archive) { SupportsRanges = supportsRanges, HasArchive = hasArchive, Md5 = Convert.ToHexStringLower(MD5.HashData(archive)) };
#pragma warning restore CA5351
        await server._app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        bool wantsMd5 = http.Request.Path.Value!.EndsWith(".md5", StringComparison.Ordinal);
        if (Fault is { } fault && http.Request.Path.Value!.EndsWith(fault.Ending, StringComparison.Ordinal))
        {
            await fault.Answer(http);
        }
        else if (!HasArchive)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        else if (wantsMd5)
        {
            await http.Response.WriteAsync($"MD5 (archive.zip) = {Md5}\n");
        }
        else
        {
            await SendArchiveAsync(http);
        }
    }

    private async Task SendArchiveAsync(HttpContext http)
    {
        string range = http.Request.Headers.Range.ToString();
        Ranges.Add(range);
        int from = 0;
        if (SupportsRanges && range.Length > 0 && http.Request.Headers.IfRange == Tag)
        {
            from = int.Parse(range["bytes=".Length..^1]);
            if (from >= _archive.Length)
            {
                http.Response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                return;
            }

            http.Response.StatusCode = StatusCodes.Status206PartialContent;
            http.Response.Headers.ContentRange = $"bytes {from}-{_archive.Length - 1}/{_archive.Length}";
        }

        http.Response.Headers.ETag = Tag;
        http.Response.ContentLength = _archive.Length - from;
        if (Interlocked.Decrement(ref _breaks) >= 0)
        {
            await http.Response.Body.WriteAsync(_archive.AsMemory(from, (_archive.Length - from) / 2));
            await http.Response.Body.FlushAsync();
            await Task.Delay(100); // lets the sent bytes arrive before the connection is aborted
            http.Abort();
            return;
        }

        await http.Response.Body.WriteAsync(_archive.AsMemory(from));
    }
}
