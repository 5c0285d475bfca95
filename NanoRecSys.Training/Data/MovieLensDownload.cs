using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace NanoRecSys.Training.Data;

/// <summary>Downloads one of GroupLens' data sets, checks its MD5 and unpacks it.</summary>
internal sealed partial class MovieLensDownload(HttpClient http, Uri server, string downloads)
{
    // Not every data set has an .md5 file. This is the edition of 2018-09.
    private static readonly Dictionary<string, string> KnownMd5 = new() { ["ml-latest-small"] = "31a303aabbc519bd33d025e44d6c2570" };

    [GeneratedRegex(@"\b[0-9a-fA-F]{32}\b")]
    private static partial Regex Md5();

    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(2);

    public async Task<string> FetchAsync(string name, IProgress<ProgressEvent> progress, CancellationToken cancellation)
    {
        Directory.CreateDirectory(downloads);
        var address = new Uri(server, name + ".zip");
        string part = Path.Combine(downloads, name + ".zip.part");
        progress.Report(new ProgressEvent { Fraction = 0, Message = $"downloading {address}" });
        var download = new Download(http, address, part, RetryDelay);
        var speed = new DownloadSpeed(progress);
        bool resumed = await download.FetchAsync(speed.Report, cancellation);
        string? expected = await ExpectedMd5Async(name, address, cancellation);
        string actual = await Md5OfAsync(part, cancellation);
        if (resumed && expected is not null && actual != expected)
        {
            // The partial file was damaged, or of another edition: download again from the start.
            download.Discard();
            await download.FetchAsync(speed.Report, cancellation);
            actual = await Md5OfAsync(part, cancellation);
        }

        if (expected is null)
        {
            progress.Report(new ProgressEvent { Message = $"the server has no checksum for {name}.zip; the file was not verified" });
        }
        else if (actual != expected)
        {
            download.Discard();
            throw new UserErrorException($"{address}: the downloaded file has MD5 {actual}, expected {expected}. It was deleted; try again later.");
        }

        string folder = Path.Combine(downloads, name);
        await AtomicFolder.WriteAsync(folder, fresh => Task.Run(() => new DataPlace(part).Unpack(fresh)));
        download.Discard();
        return folder;
    }

    private async Task<string?> ExpectedMd5Async(string name, Uri address, CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage response = await http.GetAsync(new Uri(address + ".md5"), cancellation);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return KnownMd5.GetValueOrDefault(name);
            }

            string text = response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync(cancellation) : "";
            return Md5().Match(text) is { Success: true } match
                ? match.Value.ToLowerInvariant()
                : throw new UserErrorException($"{address}.md5 contains no MD5 (status {(int)response.StatusCode}). Try again later, or set --data to the path of an archive.");
        }
        catch (Exception e) when (e is HttpRequestException || Data.Download.IsTimeout(e, cancellation))
        {
            throw new UserErrorException(
                $"{address}.md5 cannot be fetched ({e.Message}). Run the same command again (the download is kept), or set --data to the path of an archive.", e);
        }
    }

    private static async Task<string> Md5OfAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
#pragma warning disable CA5351 // MD5 is what GroupLens publishes; it detects damage, not tampering.
        return Convert.ToHexStringLower(await MD5.HashDataAsync(file, cancellation));
#pragma warning restore CA5351
    }
}

/// <summary>Downloads a large file into <c>FILE.part</c>. After a broken connection, even in a later run, it requests only the rest (HTTP Range); it
/// starts over if the server does not support that or has another file by now (If-Range).</summary>
/// <remarks>The edition of the partial file is stored next to it: the server's strong ETag or, without one, its Last-Modified. Without either,
/// it may be of another edition and is not used.</remarks>
/// <param name="part">The partial file; an earlier attempt's bytes are reused.</param>
internal sealed class Download(HttpClient http, Uri from, string part, TimeSpan retryDelay)
{
    private const int Attempts = 4;
    private const int BufferBytes = 1 << 16;

    // How long a server may be silent before the connection counts as broken.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    private string TagPath => part + ".tag";

    /// <param name="progress">Receives the bytes downloaded so far and, if known, the total.</param>
    /// <returns>Whether an earlier attempt's bytes were reused.</returns>
    public async Task<bool> FetchAsync(Action<long, long?> progress, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await TryFetchAsync(progress, cancellation);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException || IsTimeout(e, cancellation))
            {
                if (attempt == Attempts || (e is HttpRequestException { StatusCode: { } status } && (int)status < 500))
                {
                    throw new UserErrorException(Explain(e), e);
                }

                await Task.Delay(retryDelay, cancellation);
            }
        }
    }

    public void Discard()
    {
        File.Delete(part);
        File.Delete(TagPath);
    }

    /// <summary>Whether the client's own timeout ended a request; it looks like a cancellation.</summary>
    internal static bool IsTimeout(Exception e, CancellationToken cancellation) =>
        e is OperationCanceledException && !cancellation.IsCancellationRequested;

    private string Explain(Exception e) => e is HttpRequestException { StatusCode: { } status }
        ? $"{from} answers {(int)status} {status}. Check the name, or download the archive manually and set --data to its path."
        : $"The download of {from} was interrupted after {(File.Exists(part) ? new FileInfo(part).Length : 0):N0} bytes ({e.Message}). " +
          "Run the same command again to resume it, or set --data to the path of an archive.";

    private async Task<bool> TryFetchAsync(Action<long, long?> progress, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, from);
        long there = RequestRest(request);
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            Discard();
            throw new IOException("the partial file is larger than the complete one"); // The next attempt starts over.
        }

        response.EnsureSuccessStatusCode();
        bool resumes = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == there;
        if (response.StatusCode == HttpStatusCode.PartialContent && !resumes)
        {
            Discard();
            throw new IOException($"the server sends bytes from {response.Content.Headers.ContentRange?.From}, not from {there}");
        }

        there = resumes ? there : 0;
        long? total = there + response.Content.Headers.ContentLength;
        await using (FileStream file = new(part, resumes ? FileMode.Append : FileMode.Create, FileAccess.Write))
        {
            SaveEdition(response);
            await CopyAsync(response.Content, file, done => progress(there + done, total), cancellation);
        }

        long length = new FileInfo(part).Length;
        return total is null || length == total ? resumes : throw new IOException($"only {length:N0} of {total:N0} bytes arrived");
    }

    private long RequestRest(HttpRequestMessage request)
    {
        if (!File.Exists(part) || !File.Exists(TagPath) || new FileInfo(part).Length == 0)
        {
            return 0;
        }

        string tag = File.ReadAllText(TagPath);
        request.Headers.IfRange = tag.StartsWith('"') ? new RangeConditionHeaderValue(tag) : new RangeConditionHeaderValue(DateTimeOffset.Parse(tag));
        long there = new FileInfo(part).Length;
        request.Headers.Range = new RangeHeaderValue(there, null);
        return there;
    }

    private void SaveEdition(HttpResponseMessage response)
    {
        string? tag = response.Headers.ETag is { IsWeak: false } strong ? strong.Tag : response.Content.Headers.LastModified?.ToString("r");
        if (tag is null)
        {
            File.Delete(TagPath);
        }
        else
        {
            File.WriteAllText(TagPath, tag);
        }
    }

    private static async Task CopyAsync(HttpContent content, FileStream file, Action<long> progress, CancellationToken cancellation)
    {
        await using Stream body = await content.ReadAsStreamAsync(cancellation);
        byte[] buffer = new byte[BufferBytes];
        long done = 0;
        while (true)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            silence.CancelAfter(Silence);
            int read;
            try
            {
                read = await body.ReadAsync(buffer, silence.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new TimeoutException($"the server was silent for {Silence.TotalSeconds:F0} s");
            }

            if (read == 0)
            {
                return;
            }

            await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
            done += read;
            progress(done);
        }
    }
}

internal sealed class DownloadSpeed(IProgress<ProgressEvent> progress)
{
    private const double Megabyte = 1e6;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private long? _atStart; // Bytes from an earlier attempt must not count towards the speed.

    public void Report(long bytes, long? total)
    {
        _atStart ??= bytes;
        double seconds = Math.Max(0.001, _watch.Elapsed.TotalSeconds);
        double speed = Math.Max(0, bytes - _atStart.Value) / Megabyte / seconds;
        string of = total is { } all ? $" of {all / Megabyte:F1}" : "";
        progress.Report(new ProgressEvent
        {
            Fraction = total is > 0 ? PrepareStep.DownloadShare * bytes / total.Value : null,
            Detail = $"{bytes / Megabyte:F1}{of} MB, {speed:F1} MB/s",
        });
    }
}
