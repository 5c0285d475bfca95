using NanoRecSys.AppHost;
using NanoRecSys.AppHost.Embedded;

// The host without Aspire: an embedded cache, and the same services as child processes.
if (args is [ChildGuard.Verb])
{
    return ChildGuard.Watch(Console.In);
}

try
{
    HostOptions options = HostOptions.Parse(args);
    if (options.Help)
    {
        Console.WriteLine(HostOptions.Usage);
        return 0;
    }

    using StopSignal stop = new();
    await using EmbeddedStack stack = new(options, BuiltServices.Find());
    return await stack.RunAsync(stop.Token);
}
catch (Exception e) when (e is HostException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(e.Message.ReplaceLineEndings(" "));
    return 1;
}
