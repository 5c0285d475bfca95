namespace NanoRecSys.AppHost.Embedded;

/// <summary>One console for all: every line carries the name of who wrote it.</summary>
internal static class HostConsole
{
    private const int NameWidth = 8;

    private static readonly Lock Gate = new();

    // NO_COLOR is the convention of https://no-color.org.
    private static readonly bool Coloured =
        !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    public static void Say(string text) => Write("host", ConsoleColor.White, text, Console.Out);

    public static void Warn(string text) => Write("host", ConsoleColor.Yellow, text, Console.Error);

    public static void Forward(string service, ConsoleColor colour, string text) => Write(service, colour, text, Console.Out);

    private static void Write(string name, ConsoleColor colour, string text, TextWriter writer)
    {
        lock (Gate)
        {
            if (Coloured)
            {
                Console.ForegroundColor = colour;
                writer.Write(name.PadRight(NameWidth));
                Console.ResetColor();
                writer.WriteLine($" {text}");
            }
            else
            {
                writer.WriteLine($"{name.PadRight(NameWidth)} {text}");
            }
        }
    }
}
