using System.Globalization;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>The embedded host's command line.</summary>
internal sealed record HostOptions
{
    public const string Usage = """
        Starts NanoRecSys: a cache, the API, the web page and, where no model is yet, a training.

        Usage: dotnet run --project NanoRecSys.AppHost -- [options]

          --web-port N            the web page's port (default 5080)
          --api-port N            the API's port (default 5081)
          --cache-port N          the embedded cache's port (default 6399)
                                  A taken port moves to the next free one; 0 takes any free one.
          --artifacts DIR         models, prepared data and the cache's data (default artifacts/)
          --data NAME|DIR|ZIP     what to train on where there is no model yet (default data/movielens-small)
          --preset NAME           how to train: quick, small, large, huge, sparse, auto, paper (default quick)
          --help                  this text

        A Redis of yours is used instead of the embedded cache when the variable ConnectionStrings__cache is set.
        """;

    public int WebPort { get; init; } = 5080;

    public int ApiPort { get; init; } = 5081;

    public int CachePort { get; init; } = 6399;

    /// <summary>Null for the repository's <c>artifacts/</c>.</summary>
    public string? Artifacts { get; init; }

    /// <summary>Null for the sample in the repository.</summary>
    public string? Data { get; init; }

    /// <summary>Null for <c>quick</c>.</summary>
    public string? Preset { get; init; }

    public bool Help { get; init; }

    /// <exception cref="HostException">An unknown option, or a value that is missing or not of its kind.</exception>
    public static HostOptions Parse(IReadOnlyList<string> args)
    {
        HostOptions options = new();
        for (int i = 0; i < args.Count; i++)
        {
            // Both "--name value" and "--name=value".
            string[] parts = args[i].Split('=', 2);
            string name = parts[0];
            string Value() => parts.Length == 2 ? parts[1]
                : ++i < args.Count ? args[i]
                : throw new HostException($"{name} needs a value. See --help.");
            int Port() => Value() is var text
                && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= ushort.MaxValue
                ? port
                : throw new HostException($"{name} is '{text}', expected a port of 0 to 65535. See --help.");

            options = name switch
            {
                "--web-port" => options with { WebPort = Port() },
                "--api-port" => options with { ApiPort = Port() },
                "--cache-port" => options with { CachePort = Port() },
                "--artifacts" => options with { Artifacts = Path.GetFullPath(Value()) },
                // A name such as ml-1m is no path; a path is the user's, so seen from where the user is.
                "--data" => options with { Data = Value() is var data && Path.Exists(data) ? Path.GetFullPath(data) : data },
                "--preset" => options with { Preset = Value() },
                "--help" or "-h" or "-?" => options with { Help = true },
                _ => throw new HostException($"'{args[i]}' is not an option. See --help."),
            };
        }

        return options;
    }
}
