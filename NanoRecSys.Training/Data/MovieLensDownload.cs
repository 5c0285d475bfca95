using System.Net;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>Fetches one of GroupLens' sets, checks its MD5 and unpacks it.</summary>
/// <param name="http">Client.</param>
/// <param name="server">Folder of <c>NAME.zip</c> and <c>NAME.zip.md5</c>.</param>
/// <param name="downloads">Where <c>NAME/</c> is made.</param>
public sealed partial class MovieLensDownload(HttpClient http, Uri server, string downloads)
{
    // Not every set has an .md5 beside it. This is the edition of 2018-09.
    private static readonly Dictionary<string, string> KnownMd5 = new() { ["ml-latest-small"] = "31a303aabbc519bd33d025e44d6c2570" };

    [GeneratedRegex(@"\b[0-9a-fA-F]{32}\b")]
    private static partial Regex Md5();

    /// <summary>See <see cref="Data.Download.RetryDelay"/>.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <returns>The unpacked folder.</returns>
    /// <exception cref="UserErrorException">The server has no such file, breaks off, or sends one of another checksum.</exception>
    public async Task<string> FetchAsync(string name, IProgress<StepProgress> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(progress);
        Directory.CreateDirectory(downloads);
        var address = new Uri(server, name + ".zip");
        string part = Path.Combine(downloads, name + ".zip.part");
        progress.Report(new StepProgress { Fraction = 0, Message = $"downloading {address}" });
        var download = new Download(http) { RetryDelay = RetryDelay };
        var speed = new DownloadSpeed(progress, TimeProvider.System);
        bool resumed = await download.FetchAsync(address, part, speed.Report, cancellation);
        string? expected = await ExpectedMd5Async(name, address, cancellation);
        string actual = await Md5OfAsync(part, cancellation);
        if (resumed && expected is not null && actual != expected)
        {
            // The old part was damaged, or of another edition: once more, from the start.
            new PartValidator(part).Discard();
            await download.FetchAsync(address, part, speed.Report, cancellation);
            actual = await Md5OfAsync(part, cancellation);
        }

        if (expected is null)
        {
            progress.Report(new StepProgress { Message = $"the server has no checksum for {name}.zip; it was not checked" });
        }
        else if (actual != expected)
        {
            new PartValidator(part).Discard();
            throw new UserErrorException($"{address}: the MD5 of what came is {actual}, expected {expected}. It was deleted; try again later.");
        }

        return Unpack(name, part);
    }

    private string Unpack(string name, string part)
    {
        string folder = Path.Combine(downloads, name), temporary = Path.Combine(downloads, $".{name}.tmp");
        FolderSwap.DeleteIfThere(temporary);
        Directory.CreateDirectory(temporary);
        MovieLensArchive.Unpack(part, temporary);
        FolderSwap.Replace(folder, temporary);
        new PartValidator(part).Discard();
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
                : throw new UserErrorException($"{address}.md5 holds no MD5 (status {(int)response.StatusCode}). Try again later, or give --data the path of an archive.");
        }
        catch (Exception e) when (e is HttpRequestException || Data.Download.IsTimeout(e, cancellation))
        {
            throw new UserErrorException(
                $"{address}.md5 cannot be fetched ({e.Message}). Run the same command again; what was downloaded is kept. Or give --data the path of an archive.", e);
        }
    }

    private static async Task<string> Md5OfAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
#pragma warning disable CA5351 // MD5 is what GroupLens publishes; it guards against damage, not against malice.
        return Convert.ToHexStringLower(await MD5.HashDataAsync(file, cancellation));
#pragma warning restore CA5351
    }
}
