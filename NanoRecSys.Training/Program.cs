using NanoRecSys.Training.Commands;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture; // the environment can turn cultures on
using TelemetryExport? telemetry = TelemetryExport.FromEnvironment();
return await CommandLine.RunAsync(args, Console.Out, Console.Error);
