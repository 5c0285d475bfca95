namespace NanoRecSys.Core.Artifacts;

/// <summary>A published folder whose every file matches its manifest.</summary>
public sealed record ArtifactVersion(string Folder, Manifest Manifest)
{
    public string PathOf(string file) => Path.Combine(Folder, file);
}
