using NanoRecSys.Training.Commands;

// The environment can turn cultures on; text in files and messages has the same form everywhere.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
using TelemetryExport? telemetry = TelemetryExport.FromEnvironment();
return await CommandLine.RunAsync(args, Console.Out, Console.Error);
