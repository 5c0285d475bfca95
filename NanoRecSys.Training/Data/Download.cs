using System.Net;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Fetches a large file into <c>FILE.part</c>. After a broken connection, also in a later run, it asks for the
/// rest only (HTTP Range); it starts anew where the server cannot do that or has another file by now (If-Range).
/// </summary>
public sealed class Download(HttpClient http)
{
    private const int Attempts = 4;
    private const int BufferBytes = 1 << 16;

    /// <summary>Between two attempts.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Longest silence of a server before the connection counts as broken.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <param name="from">Address.</param>
    /// <param name="part">Where the bytes go; what is there from an earlier attempt is used.</param>
    /// <param name="progress">Told bytes that are there and, if known, bytes in all.</param>
    /// <param name="cancellation">Stops; the part stays for the next time.</param>
    /// <returns>Whether some of the bytes came from an earlier attempt.</returns>
    /// <exception cref="UserErrorException">The server refuses, cannot be reached, or breaks off again and again.</exception>
    public async Task<bool> FetchAsync(Uri from, string part, Action<long, long?> progress, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await TryFetchAsync(from, part, progress, cancellation);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException || IsTimeout(e, cancellation))
            {
                if (attempt == Attempts || (e is HttpRequestException { StatusCode: { } status } && (int)status < 500))
                {
                    throw new UserErrorException(Explain(from, part, e), e);
                }

                await Task.Delay(RetryDelay, cancellation);
            }
        }
    }

    /// <summary>Whether the client's own time limit ended a request: it looks like a cancellation, but nobody cancelled.</summary>
    internal static bool IsTimeout(Exception e, CancellationToken cancellation) =>
        e is OperationCanceledException && !cancellation.IsCancellationRequested;

    private static string Explain(Uri from, string part, Exception e) => e is HttpRequestException { StatusCode: { } status }
        ? $"{from} answers {(int)status} {status}. Check the name, or download the archive by hand and give --data its path."
        : $"The download of {from} broke off after {(File.Exists(part) ? new FileInfo(part).Length : 0):N0} bytes ({e.Message}). " +
          "Run the same command again to go on from there, or give --data the path of an archive.";

    private async Task<bool> TryFetchAsync(Uri from, string part, Action<long, long?> progress, CancellationToken cancellation)
    {
        var validator = new PartValidator(part);
        using HttpRequestMessage request = new(HttpMethod.Get, from);
        long there = validator.ApplyTo(request);
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            validator.Discard();
            throw new IOException("the part is larger than the file"); // The next attempt starts anew.
        }

        response.EnsureSuccessStatusCode();
        bool resumes = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == there;
        if (response.StatusCode == HttpStatusCode.PartialContent && !resumes)
        {
            validator.Discard();
            throw new IOException($"the server sends bytes from {response.Content.Headers.ContentRange?.From}, not from {there}");
        }

        there = resumes ? there : 0;
        long? total = there + response.Content.Headers.ContentLength;
        await using (FileStream file = new(part, resumes ? FileMode.Append : FileMode.Create, FileAccess.Write))
        {
            validator.Save(response);
            await CopyAsync(response.Content, file, done => progress(there + done, total), cancellation);
        }

        long length = new FileInfo(part).Length;
        return total is null || length == total ? resumes : throw new IOException($"{length:N0} of {total:N0} bytes came");
    }

    private async Task CopyAsync(HttpContent content, FileStream file, Action<long> progress, CancellationToken cancellation)
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
