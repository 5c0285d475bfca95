namespace NanoRecSys.Api.Models;

/// <summary>In which numbers the user tower is served.</summary>
public static class UserTowerPrecision
{
    /// <summary>What this machine is faster with, of what the manifest shows to be like the trained network.</summary>
    public const string Auto = "auto";

    public const string ThirtyTwoBits = "fp32";

    public const string EightBits = "int8";
}
