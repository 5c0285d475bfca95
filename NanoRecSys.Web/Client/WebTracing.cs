using System.Diagnostics;

namespace NanoRecSys.Web.Client;

/// <summary>Makes each thing that a visitor asks for one trace, and keeps polls out of the traces.</summary>
internal static class WebTracing
{
    private const string Poll = "poll";

    private static readonly ActivitySource Source = new("NanoRecSys.Web");

    /// <summary>
    /// Marks everything that the current asynchronous method does as not traced, in the API too: without it each poll would be a trace,
    /// or all of them would join the trace of the page that started the polling.
    /// </summary>
    public static void StopTracing()
    {
        Activity.Current = null;
        new Activity(Poll) { ActivityTraceFlags = ActivityTraceFlags.None }.SetIdFormat(ActivityIdFormat.W3C).Start();
    }

    /// <summary>Starts the span of a call to the API: below a page that is being rendered on the server, else as a trace of its own.</summary>
    /// <returns>Null if nobody listens, or for a poll.</returns>
    public static Activity? StartCall(Uri? address)
    {
        Activity? current = Activity.Current;
        if (!Source.HasListeners() || current?.OperationName == Poll)
        {
            return null;
        }

        // A circuit's connection is not traced, and a child of an untraced activity would not be either.
        Activity.Current = current is { Recorded: true } ? current : null;
        return Source.StartActivity(address?.AbsolutePath.Split('/')[1] ?? "");
    }
}
