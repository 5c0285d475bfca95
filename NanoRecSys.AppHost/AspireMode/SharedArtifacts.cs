using System.Diagnostics;
using Aspire.Hosting.Kubernetes;

#pragma warning disable ASPIRECOMPUTE002 // Kubernetes' persistent volumes are marked experimental in Aspire 13.5.

namespace NanoRecSys.AppHost.AspireMode;

/// <summary>
/// Where the training leaves a model and the API finds it: one folder while developing, one volume once published.
/// </summary>
internal static class SharedArtifacts
{
    public const string MountPath = "/artifacts";

    private const string VolumeName = "artifacts";

    public static void Attach(
        IDistributedApplicationBuilder builder, StackSettings settings,
        IResourceBuilder<ProjectResource> reader, IResourceBuilder<ProjectResource> writer)
    {
        reader.WithEnvironment("Artifacts__Path", settings.ServedArtifacts);
        writer.WithEnvironment("Artifacts__Path", settings.ServedArtifacts);

        // One target at a time: with two in the model Aspire wants to be told of every resource which it means.
        switch (settings.PublishTarget)
        {
            case "compose":
                builder.AddDockerComposeEnvironment("compose");
                MountComposeVolume(builder, reader, writer);
                break;
            case "kubernetes":
                MountClaim(builder.AddKubernetesEnvironment("kubernetes"), builder, reader, writer);
                break;
            default:
                throw new UnreachableException(); // StackSettings lets nothing else through.
        }
    }

    private static void MountComposeVolume(
        IDistributedApplicationBuilder builder, IResourceBuilder<ProjectResource> reader, IResourceBuilder<ProjectResource> writer)
    {
        if (!builder.ExecutionContext.IsPublishMode)
        {
            return;
        }

        reader.WithAnnotation(new ContainerMountAnnotation(VolumeName, MountPath, ContainerMountType.Volume, isReadOnly: true));
        writer.WithAnnotation(new ContainerMountAnnotation(VolumeName, MountPath, ContainerMountType.Volume, isReadOnly: false));
        // A new volume belongs to root, the images' own user could not write to it.
        writer.PublishAsDockerComposeService((_, service) => service.User = "root");
    }

    private static void MountClaim(
        IResourceBuilder<KubernetesEnvironmentResource> kubernetes, IDistributedApplicationBuilder builder,
        IResourceBuilder<ProjectResource> reader, IResourceBuilder<ProjectResource> writer)
    {
        if (!builder.ExecutionContext.IsPublishMode)
        {
            return;
        }

        // Shared by pods that may run on different nodes.
        IResourceBuilder<KubernetesPersistentVolumeResource> claim = kubernetes.AddPersistentVolume(VolumeName)
            .WithCapacity("10Gi")
            .WithAccessMode(PersistentVolumeAccessMode.ReadWriteMany);
        reader.WithPersistentVolume(claim, MountPath, isReadOnly: true);
        writer.WithPersistentVolume(claim, MountPath).PublishAsKubernetesService(TrainingJob.Replace);
    }
}
