using System.Diagnostics;
using System.Net.WebSockets;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>
/// One visitor without a browser: it loads a page, opens the circuit as Blazor's script does, and acknowledges every batch
/// of changes that it is sent. What a browser would do with them is not measured.
/// </summary>
internal sealed class Circuit : IAsyncDisposable
{
    private const int MostUnread = 1 << 20;
    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly CancellationTokenSource _closing = new();
    private readonly Uri _site;
    private TaskCompletionSource _nextBatch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _receiving = Task.CompletedTask;
    private long _batches;
    private long _bytes;

    private Circuit(Uri site) => _site = site;

    /// <summary>Batches of changes so far.</summary>
    public long Batches => Interlocked.Read(ref _batches);

    /// <summary>Received since the page itself.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Why it ended; null while it lives.</summary>
    public string? Failure { get; private set; }

    /// <returns>A circuit that has shown its page.</returns>
    public static async Task<Circuit> OpenAsync(HttpClient http, string path, CancellationToken cancellation)
    {
        Uri site = http.BaseAddress!;
        var page = PrerenderedPage.Parse(await http.GetStringAsync(new Uri(path, UriKind.Relative), cancellation));
        var circuit = new Circuit(site);
        Task first = circuit._nextBatch.Task;
        await circuit._socket.ConnectAsync(new UriBuilder(site) { Scheme = "ws", Path = "/_blazor" }.Uri, cancellation);
        await circuit.SendAsync(BlazorPack.Handshake);
        circuit._receiving = circuit.ReceiveAsync();
        await circuit.SendAsync(BlazorPack.Call("StartCircuit", "0", site.ToString(), new Uri(site, path).ToString(), "[]", ""));
        await circuit.SendAsync(BlazorPack.Call("UpdateRootComponents", null, page.Operations, page.State));
        await first.WaitAsync(cancellation);
        return circuit;
    }

    /// <summary>Follows a link, as a click does.</summary>
    /// <returns>Until the first changes of the new page arrived.</returns>
    public async Task<TimeSpan> NavigateAsync(string path, CancellationToken cancellation)
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _nextBatch = changed;
        long began = Stopwatch.GetTimestamp();
        await SendAsync(BlazorPack.Call("OnLocationChanged", null, new Uri(_site, path).ToString(), null, true));
        await changed.Task.WaitAsync(cancellation);
        return Stopwatch.GetElapsedTime(began);
    }

    /// <summary>Tells the server that the visitor is still there.</summary>
    public Task PingAsync() => SendAsync(BlazorPack.PingMessage());

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _receiving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _socket.Dispose();
        _sending.Dispose();
        _closing.Dispose();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> message)
    {
        await _sending.WaitAsync(_closing.Token);
        try
        {
            await _socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, _closing.Token);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[MostUnread];
        int filled = 0;
        bool agreed = false;
        try
        {
            while (!_closing.IsCancellationRequested)
            {
                ValueWebSocketReceiveResult received = await _socket.ReceiveAsync(buffer.AsMemory(filled), _closing.Token);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    throw new WebSocketException($"The server closed the connection: {_socket.CloseStatusDescription}");
                }

                Interlocked.Add(ref _bytes, received.Count);
                ReadOnlyMemory<byte> rest = buffer.AsMemory(0, filled + received.Count);
                if (!agreed)
                {
                    rest = rest[(rest.Span.IndexOf((byte)0x1e) + 1)..]; // the answer to the handshake
                    agreed = true;
                }

                while (PackReader.TryTakeMessage(ref rest, out ReadOnlyMemory<byte> message))
                {
                    await HandleAsync((object?[])new PackReader(message.Span).Read()!);
                }

                rest.CopyTo(buffer);
                filled = rest.Length;
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or InvalidDataException)
        {
            Fail(e.Message);
        }
    }

    private async Task HandleAsync(object?[] message)
    {
        switch (message[0])
        {
            case (long)BlazorPack.Invocation when message[4] is object?[] arguments:
                await HandleCallAsync((string)message[3]!, arguments);
                break;
            case (long)BlazorPack.Completion when message.Length > 4 && message[3] is 1L:
                Fail($"The server refused: {message[4]}");
                break;
            case (long)BlazorPack.Close:
                Fail("The server ended the circuit.");
                break;
        }
    }

    private async Task HandleCallAsync(string target, object?[] arguments)
    {
        switch (target)
        {
            case "JS.RenderBatch":
                Interlocked.Increment(ref _batches);
                await SendAsync(BlazorPack.Call("OnRenderCompleted", null, arguments[0], null));
                _nextBatch.TrySetResult();
                break;
            case "JS.BeginInvokeJS" when arguments[0] is long handle and not 0:
                await SendAsync(BlazorPack.Call("EndInvokeJSFromDotNet", null, handle, true, $"[{handle},true,null]"));
                break;
            case "JS.Error":
                Fail($"{arguments[0]}");
                break;
        }
    }

    private void Fail(string reason)
    {
        Failure = reason;
        _nextBatch.TrySetException(new InvalidOperationException(reason));
    }
}
