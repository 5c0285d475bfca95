using System.Net.Sockets;
using System.Text;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A connection that sends raw bytes, including requests that no HTTP client would send.</summary>
internal sealed class RawHttp : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly TcpClient _client = new();

    private RawHttp()
    {
    }

    public static async Task<RawHttp> ConnectAsync(Uri server)
    {
        var connection = new RawHttp();
        await connection._client.ConnectAsync(server.Host, server.Port, TestContext.Current.CancellationToken);
        return connection;
    }

    /// <summary>Sends one request on a new connection and reads until the server closes it.</summary>
    public static async Task<string> SendAsync(Uri server, string request)
    {
        using RawHttp connection = await ConnectAsync(server);
        await connection.WriteAsync(request);
        return await connection.ReadToEndAsync();
    }

    public async Task WriteAsync(string text) => await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text), TestContext.Current.CancellationToken);

    /// <summary>Reads until the server closes the connection; a reset counts as the end.</summary>
    public async Task<string> ReadToEndAsync()
    {
        using var timeout = new CancellationTokenSource(Timeout);
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            while (await _client.GetStream().ReadAsync(buffer, timeout.Token) is > 0 and var read)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
        }

        return text.ToString();
    }

    public void Dispose() => _client.Dispose();
}
