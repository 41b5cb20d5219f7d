import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.retry.RetryOneTime;

/** A process with a lock of Curator's, which does what standard input says. */
public class Peer {
  interface Held { void release() throws Exception; }

  public static void main(String[] args) throws Exception {
    String servers = args[0], kind = args[1], path = args[2];
    CuratorFramework client = CuratorFrameworkFactory.newClient(servers, 2000, 2000, new RetryOneTime(100));
    client.start();
    client.blockUntilConnected();
    System.out.println("ready");
    Held held = null;
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      switch (line) {
        case "try": held = acquire(client, kind, path, 500); System.out.println(held != null ? "acquired" : "held"); break;
        case "wait": held = acquire(client, kind, path, 60000); System.out.println(held != null ? "acquired" : "held"); break;
        case "release": held.release(); System.out.println("released"); break;
        default: System.out.println("what?");
      }
    }
    Runtime.getRuntime().halt(0);
  }

  static Held acquire(CuratorFramework client, String kind, String path, long millis) throws Exception {
    if (kind.equals("semaphore")) {
      InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 2);
      Lease lease = semaphore.acquire(millis, TimeUnit.MILLISECONDS);
      return lease == null ? null : () -> semaphore.returnLease(lease);
    }
    InterProcessLock lock;
    switch (kind) {
      case "read": lock = new InterProcessReadWriteLock(client, path).readLock(); break;
      case "write": lock = new InterProcessReadWriteLock(client, path).writeLock(); break;
      default: lock = new InterProcessMutex(client, path);
    }
    return lock.acquire(millis, TimeUnit.MILLISECONDS) ? lock::release : null;
  }
}
