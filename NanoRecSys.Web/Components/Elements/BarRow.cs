namespace NanoRecSys.Web.Components.Elements;

/// <param name="Label">What it is of.</param>
/// <param name="Size">Of the bar.</param>
/// <param name="Shown">The figure.</param>
public sealed record BarRow(string Label, double Size, string Shown);
