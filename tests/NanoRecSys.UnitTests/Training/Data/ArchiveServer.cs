using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace NanoRecSys.UnitTests.Training.Data;

/// <summary>A local stand-in for GroupLens' download server, with the faults that a test sets.</summary>
internal sealed class ArchiveServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _breaks;

    private ArchiveServer(byte[] archive)
    {
        Archive = archive;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public byte[] Archive { get; set; }

    public string ETag { get; set; } = "\"one\"";

    public bool SupportsRanges { get; init; } = true;

    /// <summary>Null: the server has no checksum.</summary>
    public string? Md5 { get; set; }

    /// <summary>Number of upcoming downloads that break off halfway.</summary>
    public int Breaks { get => _breaks; set => _breaks = value; }

    public bool HasArchive { get; init; } = true;

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
        else if (!HasArchive || (wantsMd5 && Md5 is null))
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
        if (SupportsRanges && range.Length > 0 && http.Request.Headers.IfRange == ETag)
        {
            from = int.Parse(range["bytes=".Length..^1]);
            if (from >= Archive.Length)
            {
                http.Response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                return;
            }

            http.Response.StatusCode = StatusCodes.Status206PartialContent;
            http.Response.Headers.ContentRange = $"bytes {from}-{Archive.Length - 1}/{Archive.Length}";
        }

        http.Response.Headers.ETag = ETag;
        http.Response.ContentLength = Archive.Length - from;
        if (Interlocked.Decrement(ref _breaks) >= 0)
        {
            await http.Response.Body.WriteAsync(Archive.AsMemory(from, (Archive.Length - from) / 2));
            await http.Response.Body.FlushAsync();
            await Task.Delay(100); // lets the sent bytes arrive before the connection is aborted
            http.Abort();
            return;
        }

        await http.Response.Body.WriteAsync(Archive.AsMemory(from));
    }
}
